with

customer_mrr as (

    select * from {{ ref('fct_customer_mrr') }}

),

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

periods as (

    select
        kpi_key,
        grain,
        period_start_date,
        period_end_date,
        period_start_date - 1 as opening_date,
        last_known_date as closing_date,
        is_partial,
        is_before_history

    from kpi_periods
    where kpi_key in ('customer_churn_rate', 'customer_retention_rate')

),

paying as (

    select
        customer_id,
        report_date,
        min(rep_id) as rep_id,
        min(team_id) as team_id,
        min(segment) as segment,
        min(legal_entity) as legal_entity

    from customer_mrr
    group by 1, 2

),

-- Each period follows its own opening set; a quarter is not the sum of its months.
opening_customers as (

    select
        periods.kpi_key,
        periods.grain,
        periods.period_start_date,
        opening.rep_id,
        opening.team_id,
        opening.segment,
        opening.legal_entity,
        1 as opening_count,
        case when closing.customer_id is null then 1 else 0 end as lost_count,
        0 as new_count

    from periods
    inner join paying as opening
        on periods.opening_date = opening.report_date
    left join paying as closing
        on
            periods.closing_date = closing.report_date
            and opening.customer_id = closing.customer_id

),

-- Only the base "opening plus half of the new" looks at who came.
new_customers as (

    select
        periods.kpi_key,
        periods.grain,
        periods.period_start_date,
        closing.rep_id,
        closing.team_id,
        closing.segment,
        closing.legal_entity,
        0 as opening_count,
        0 as lost_count,
        1 as new_count

    from periods
    inner join paying as closing
        on periods.closing_date = closing.report_date
    left join paying as opening
        on
            periods.opening_date = opening.report_date
            and closing.customer_id = opening.customer_id
    where
        opening.customer_id is null
        and '{{ policy("churn_rate_base") }}' = 'opening_plus_half_new'
        and periods.kpi_key = 'customer_churn_rate'

),

customers_counted as (

    select * from opening_customers
    union all
    select * from new_customers

),

breakdowns as (

    select
        kpi_key,
        unnest(string_split(breakdowns, '|')) as breakdown

    from registry

),

members_counted as (

    select
        customers_counted.kpi_key,
        customers_counted.grain,
        customers_counted.period_start_date,
        breakdowns.breakdown,
        case breakdowns.breakdown
            when 'total' then '(total)'
            when 'rep' then customers_counted.rep_id
            when 'team' then customers_counted.team_id
            when 'segment' then customers_counted.segment
            when 'legal_entity' then customers_counted.legal_entity
        end as member_id,
        customers_counted.opening_count,
        customers_counted.lost_count,
        customers_counted.new_count

    from customers_counted
    inner join breakdowns
        on customers_counted.kpi_key = breakdowns.kpi_key

),

-- The company's row exists for every period, also while nobody pays yet.
total_rows as (

    select
        kpi_key,
        grain,
        period_start_date,
        'total' as breakdown,
        '(total)' as member_id,
        0 as opening_count,
        0 as lost_count,
        0 as new_count

    from periods

),

members_and_totals as (

    select * from members_counted
    union all
    select * from total_rows

),

members_summed as (

    select
        kpi_key,
        grain,
        period_start_date,
        breakdown,
        coalesce(member_id, '(unknown)') as member_id,
        sum(opening_count) as opening_count,
        sum(lost_count) as lost_count,
        sum(new_count) as new_count

    from members_and_totals
    group by 1, 2, 3, 4, 5

),

members_judged as (

    select
        members_summed.kpi_key,
        members_summed.grain,
        members_summed.period_start_date,
        members_summed.breakdown,
        members_summed.member_id,
        case members_summed.kpi_key
            when 'customer_churn_rate' then members_summed.lost_count
            else members_summed.opening_count - members_summed.lost_count
        end as numerator,
        members_summed.opening_count + members_summed.new_count * 0.5 as denominator,
        periods.period_end_date,
        periods.is_partial,
        periods.is_before_history,
        registry.has_source,
        registry.has_source and not periods.is_before_history as is_known

    from members_summed
    inner join periods
        on
            members_summed.kpi_key = periods.kpi_key
            and members_summed.grain = periods.grain
            and members_summed.period_start_date = periods.period_start_date
    inner join registry
        on members_summed.kpi_key = registry.kpi_key

)

select
    kpi_key,
    'standard' as variant,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    cast(null as varchar) as currency,
    cast(null as decimal(38, 6)) as original_amount,
    cast(case when is_known then numerator end as decimal(38, 6)) as numerator,
    cast(case when is_known then denominator end as decimal(38, 6)) as denominator,
    case when is_known then {{ safe_divide('numerator', 'denominator') }} end as value,
    is_partial,
    is_before_history,
    list_filter(
        [
            case when has_source and is_before_history then 'no_history' end,
            case when not has_source then 'no_source' end
        ],
        lambda flag: flag is not null
    ) as flag

from members_judged
