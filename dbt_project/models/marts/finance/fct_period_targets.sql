with

targets as (

    select * from {{ ref('fct_targets') }}

),

users_versioned as (

    select * from {{ ref('int_users_versioned') }}

),

periods as (

    select * from {{ ref('dim_periods') }}

),

employment as (

    select
        user_id,
        min(valid_from) as joined_date,
        max(valid_to) as left_date

    from users_versioned
    group by 1

),

targets_read as (

    select
        *,
        period_start_date = date_trunc('month', period_start_date)
        and period_end_date = last_day(period_end_date) as is_of_calendar_months

    from targets

),

-- People plan by calendar months; the company's of the same number are meant (D-631).
targets_placed as (

    select
        * exclude (period_start_date, period_end_date),
        case
            when is_of_calendar_months then {{ stated_month_start('period_start_date') }}
            else period_start_date
        end as period_start_date,
        case
            when is_of_calendar_months
                then {{ next_month_start(stated_month_start('period_end_date')) }} - 1
            else period_end_date
        end as period_end_date

    from targets_read

),

-- Three answers to "what was the target": as first approved, as in force now, and weighted
-- by the days each revision held. Which one pays is policy; all are kept.
targets_by_period as (

    select
        kpi_key,
        scope_type,
        scope_id,
        period_start_date,
        period_end_date,
        min(currency) as currency,
        min(unit) as unit,
        min(target_type) as target_type,
        max(target_value) filter (where is_first_approved) as first_approved_value,
        max(target_value) filter (where is_current) as current_value,
        {{ safe_divide(
            'sum(cast(target_value as decimal(38, 4)) * held_days)', 'sum(held_days)'
        ) }} as day_weighted_value,
        max(approved_date) filter (where is_current) as current_approved_date,
        count(*) as revision_count

    from targets_placed
    group by 1, 2, 3, 4, 5

),

targets_with_grain as (

    select
        targets_by_period.*,
        periods.grain

    from targets_by_period
    inner join periods
        on
            targets_by_period.period_start_date = periods.period_start_date
            and targets_by_period.period_end_date = periods.period_end_date
    -- A year of one quarter or a quarter of one month does not exist in this calendar, so
    -- a period has one grain; the finest is taken if it ever has more.
    qualify row_number() over (
        partition by
            targets_by_period.kpi_key,
            targets_by_period.scope_type,
            targets_by_period.scope_id,
            targets_by_period.period_start_date,
            targets_by_period.period_end_date
        order by case periods.grain when 'day' then 1 when 'week' then 2 else 3 end
    ) = 1

),

-- A person who joins or leaves inside the period owes the days in the role.
days_in_role as (

    select
        targets_with_grain.*,
        targets_with_grain.period_end_date - targets_with_grain.period_start_date + 1
            as period_days,
        case
            when targets_with_grain.scope_type = 'rep' and employment.user_id is not null
                then
                    greatest(
                        least(targets_with_grain.period_end_date, employment.left_date)
                        - greatest(
                            targets_with_grain.period_start_date, employment.joined_date
                        )
                        + 1,
                        0
                    )
            else
                targets_with_grain.period_end_date
                - targets_with_grain.period_start_date + 1
        end as role_days

    from targets_with_grain
    left join employment
        on
            case when targets_with_grain.scope_type = 'rep' then targets_with_grain.scope_id end
            = employment.user_id

)

select
    {{ surrogate_key([
        'kpi_key', 'scope_type', 'scope_id', 'period_start_date', 'period_end_date'
    ]) }} as period_target_id,
    kpi_key,
    scope_type,
    scope_id,
    grain,
    period_start_date,
    period_end_date,
    target_type,
    unit,
    currency,
    first_approved_value,
    current_value,
    day_weighted_value,
    {{ safe_divide('role_days', 'period_days') }} as role_share_rate,
    cast(
        {{ safe_divide('cast(current_value as decimal(38, 4)) * role_days', 'period_days') }}
        as decimal(38, 4)
    ) as prorated_current_value,
    current_approved_date,
    revision_count,
    '{{ var("build_id") }}' as build_id

from days_in_role
