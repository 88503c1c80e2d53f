with

targets as (

    select * from {{ ref('rpt_target_values') }}

),

postings as (

    select * from {{ ref('fct_user_postings') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

-- Who belongs to what: teams to the company, a person to the team of the period's last day.
parts_placed as (

    select
        targets.*,
        'total' as parent_breakdown,
        '(total)' as parent_id

    from targets
    where targets.breakdown = 'team'

    union all

    select
        targets.*,
        'team' as parent_breakdown,
        postings.team_id as parent_id

    from targets
    inner join postings
        on
            targets.member_id = postings.user_id
            and targets.period_end_date between postings.valid_from and postings.valid_to
    where targets.breakdown = 'rep'

),

parts_added_up as (

    select
        kpi_key,
        grain,
        period_start_date,
        currency,
        parent_breakdown,
        parent_id,
        breakdown as part_breakdown,
        count(*) as part_count,
        -- One part nobody can value makes the sum unknown, not smaller.
        case
            when count(current_value) = count(*)
                then cast(sum(current_value) as decimal(38, 6))
        end as parts_target_value

    from parts_placed
    group by 1, 2, 3, 4, 5, 6, 7

)

select
    {{ surrogate_key([
        'parts_added_up.kpi_key',
        'parts_added_up.grain',
        'parts_added_up.period_start_date',
        'parts_added_up.parent_breakdown',
        'parts_added_up.parent_id',
        'parts_added_up.currency',
    ]) }} as target_part_id,
    parts_added_up.kpi_key,
    parts_added_up.grain,
    parts_added_up.period_start_date,
    parents.period_end_date,
    parts_added_up.currency,
    parts_added_up.parent_breakdown,
    parts_added_up.parent_id,
    parts_added_up.part_breakdown,
    parts_added_up.part_count,
    parents.current_value as parent_target_value,
    parts_added_up.parts_target_value,
    cast(parts_added_up.parts_target_value - parents.current_value as decimal(38, 6))
        as difference_value,
    parts_added_up.parts_target_value >= parents.current_value as is_covered,
    '{{ var("build_id") }}' as build_id

from parts_added_up
inner join targets as parents
    on
        parts_added_up.kpi_key = parents.kpi_key
        and parts_added_up.grain = parents.grain
        and parts_added_up.period_start_date = parents.period_start_date
        and parts_added_up.parent_breakdown = parents.breakdown
        and parts_added_up.parent_id = parents.member_id
        and parts_added_up.currency is not distinct from parents.currency
inner join registry
    on
        parts_added_up.kpi_key = registry.kpi_key
        -- The targets of a rate's parts do not add up.
        and registry.additivity in ('additive', 'distinct')
