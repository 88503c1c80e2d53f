with

targets as (

    select * from {{ ref('stg_files__targets') }}

),

-- Without approval a target does not exist; approved after the as-of day it does not yet.
targets_approved as (

    select
        kpi_key,
        scope_type,
        case
            when scope_type = 'total' then '(total)'
            else coalesce(nullif(trim(scope_id), ''), '(unknown)')
        end as scope_id,
        period_start as period_start_date,
        period_end as period_end_date,
        effective_from as effective_from_date,
        approved_at as approved_date,
        approved_by,
        value as target_value,
        unit,
        currency,
        coalesce(target_type, 'absolute') as target_type,
        reason,
        source_name,
        legal_entity

    from targets
    where
        approved_at <= {{ as_of_date() }}
        -- The same revision from two files: the newest load is the one that stands.
    qualify row_number() over (
        partition by kpi_key, scope_type, scope_id, period_start, effective_from
        order by approved_at desc, _load_date desc, source_name asc
    ) = 1

),

-- A revision is in force from its day on, judged today for a running period, on its last
-- day for one that is over and on its first day for one that has not begun.
targets_judged as (

    select
        *,
        effective_from_date <= least(
            greatest({{ as_of_date() }}, period_start_date), period_end_date
        ) as is_in_force

    from targets_approved

),

targets_ranked as (

    select
        *,
        row_number() over (
            partition by kpi_key, scope_type, scope_id, period_start_date, period_end_date
            order by approved_date, effective_from_date
        ) as revision_number,
        row_number() over (
            partition by
                kpi_key,
                scope_type,
                scope_id,
                period_start_date,
                period_end_date,
                is_in_force
            order by effective_from_date desc, approved_date desc
        ) as recency,
        lead(effective_from_date) over (
            partition by kpi_key, scope_type, scope_id, period_start_date, period_end_date
            order by effective_from_date, approved_date
        ) as next_effective_from_date

    from targets_judged

)

select
    {{ surrogate_key([
        'kpi_key',
        'scope_type',
        'scope_id',
        'period_start_date',
        'period_end_date',
        'effective_from_date',
    ]) }} as target_id,
    kpi_key,
    scope_type,
    scope_id,
    period_start_date,
    period_end_date,
    effective_from_date,
    next_effective_from_date - 1 as effective_to_date,
    approved_date,
    approved_by,
    target_value,
    unit,
    currency,
    target_type,
    reason,
    revision_number = 1 as is_first_approved,
    is_in_force and recency = 1 as is_current,
    -- Days of the period the revision holds, for the day-weighted target: the first
    -- revision also holds the days before it was made.
    greatest(
        least(period_end_date, coalesce(next_effective_from_date - 1, period_end_date))
        - case
            when
                effective_from_date = min(effective_from_date) over (
                    partition by
                        kpi_key, scope_type, scope_id, period_start_date, period_end_date
                )
                then period_start_date
            else greatest(effective_from_date, period_start_date)
        end
        + 1,
        0
    ) as held_days,
    period_end_date - period_start_date + 1 as period_days,
    source_name,
    legal_entity,
    '{{ var("build_id") }}' as build_id

from targets_ranked
