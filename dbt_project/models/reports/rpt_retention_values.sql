{%- set dimensions = [
    'rep_id', 'team_id', 'segment', 'legal_entity', 'tenure_band', 'plan',
] -%}
with

customer_mrr as (

    select * from {{ ref('fct_customer_mrr') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

subscription_ends as (

    select * from {{ ref('fct_subscription_ends') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'stock'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

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
    where kpi_key in ('customer_churn_rate', 'customer_retention_rate', 'grr', 'nrr')

),

days_compared as (

    select opening_date as report_date from periods
    union
    select closing_date as report_date from periods

),

{{ retention_customers() }}

{{ retention_amounts() }}

customers_counted as (

    select
        kpi_key,
        'standard' as variant,
        grain,
        period_start_date,
        customer_id,
        cast(null as varchar) as currency,
        {{ dimensions | join(', ') }},
        case kpi_key when 'customer_churn_rate' then lost_count else 1 - lost_count end
            as numerator,
        1 as denominator,
        0 as unrated_count

    from opening_customers
    where kpi_key in ('customer_churn_rate', 'customer_retention_rate')

    union all

    select
        kpi_key,
        base.variant,
        grain,
        period_start_date,
        customer_id,
        cast(null as varchar) as currency,
        {{ dimensions | join(', ') }},
        0 as numerator,
        0.5 as denominator,
        0 as unrated_count

    from customers_come
    cross join (
        values ('standard'), ('voluntary'), ('failed_payment')
    ) as base (variant)
    where
        '{{ policy("churn_rate_base") }}' = 'opening_plus_half_new'
        and kpi_key = 'customer_churn_rate'

    union all

    -- Of the same opening customers, those lost for one reason.
    select
        opening_customers.kpi_key,
        reasons.variant,
        opening_customers.grain,
        opening_customers.period_start_date,
        opening_customers.customer_id,
        cast(null as varchar) as currency,
        {%- for dimension in dimensions %}
            opening_customers.{{ dimension }},
        {%- endfor %}
        coalesce(cast(churn_reasons.churn_reason = reasons.variant as integer), 0) as numerator,
        1 as denominator,
        0 as unrated_count

    from opening_customers
    cross join (values ('voluntary'), ('failed_payment')) as reasons (variant)
    left join churn_reasons
        on
            opening_customers.grain = churn_reasons.grain
            and opening_customers.period_start_date = churn_reasons.period_start_date
            and opening_customers.customer_id = churn_reasons.customer_id
    where opening_customers.kpi_key = 'customer_churn_rate'

    union all

    -- Gross retention counts no growth of a customer, net does.
    select
        opening_customers.kpi_key,
        'standard' as variant,
        opening_customers.grain,
        opening_customers.period_start_date,
        opening_customers.customer_id,
        customer_amounts.currency,
        {%- for dimension in dimensions %}
            opening_customers.{{ dimension }},
        {%- endfor %}
        case opening_customers.kpi_key
            when 'grr'
                then
                    least(customer_amounts.closing_amount, customer_amounts.opening_amount)
            else customer_amounts.closing_amount
        end as numerator,
        customer_amounts.opening_amount as denominator,
        customer_amounts.unrated_count

    from opening_customers
    inner join customer_amounts
        on
            opening_customers.kpi_key = customer_amounts.kpi_key
            and opening_customers.grain = customer_amounts.grain
            and opening_customers.period_start_date = customer_amounts.period_start_date
            and opening_customers.customer_id = customer_amounts.customer_id

    union all

    select
        customers_come.kpi_key,
        'standard' as variant,
        customers_come.grain,
        customers_come.period_start_date,
        customers_come.customer_id,
        customer_amounts.currency,
        {%- for dimension in dimensions %}
            customers_come.{{ dimension }},
        {%- endfor %}
        customer_amounts.closing_amount as numerator,
        0 as denominator,
        customer_amounts.unrated_count

    from customers_come
    inner join customer_amounts
        on
            customers_come.kpi_key = customer_amounts.kpi_key
            and customers_come.grain = customer_amounts.grain
            and customers_come.period_start_date = customer_amounts.period_start_date
            and customers_come.customer_id = customer_amounts.customer_id
    where
        customers_come.is_back
        and customers_come.kpi_key = 'nrr'
        and '{{ policy("nrr_reactivation") }}' = 'include'

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
        customers_counted.variant,
        customers_counted.grain,
        customers_counted.period_start_date,
        customers_counted.currency,
        breakdowns.breakdown,
        case breakdowns.breakdown
            when 'total' then '(total)'
            when 'rep' then customers_counted.rep_id
            when 'team' then customers_counted.team_id
            when 'segment' then customers_counted.segment
            when 'legal_entity' then customers_counted.legal_entity
            when 'tenure_band' then customers_counted.tenure_band
            when 'plan' then customers_counted.plan
        end as member_id,
        customers_counted.numerator,
        customers_counted.denominator,
        customers_counted.unrated_count

    from customers_counted
    inner join breakdowns
        on customers_counted.kpi_key = breakdowns.kpi_key

),

-- The company's row exists for every period, also while nobody pays yet.
total_rows as (

    select
        periods.kpi_key,
        unnest(
            case periods.kpi_key
                when 'customer_churn_rate' then ['standard', 'voluntary', 'failed_payment']
                else ['standard']
            end
        ) as variant,
        periods.grain,
        periods.period_start_date,
        currencies.currency_id as currency,
        'total' as breakdown,
        '(total)' as member_id,
        0 as numerator,
        0 as denominator,
        0 as unrated_count

    from periods
    left join currencies
        on periods.kpi_key in ('grr', 'nrr')

),

members_and_totals as (

    select * from members_counted
    union all
    select * from total_rows

),

members_summed as (

    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        currency,
        breakdown,
        coalesce(member_id, '(unknown)') as member_id,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        sum(unrated_count) as unrated_count

    from members_and_totals
    group by all

),

{{ retention_trailing_months() }}

all_summed as (

    select * from members_summed
    union all
    select * from trailing_summed
    union all
    select * from trailing_missing

),

members_judged as (

    select
        all_summed.*,
        periods.period_end_date,
        periods.is_partial,
        periods.is_before_history
        or (all_summed.variant = 'trailing' and all_summed.denominator is null)
            as is_before_history,
        registry.has_source,
        registry.has_source
        and not periods.is_before_history
        and all_summed.unrated_count = 0 as is_known

    from all_summed
    inner join periods
        on
            all_summed.kpi_key = periods.kpi_key
            and all_summed.grain = periods.grain
            and all_summed.period_start_date = periods.period_start_date
    inner join registry
        on all_summed.kpi_key = registry.kpi_key

)

{% if var('explain', false) -%}
    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        currency,
        {{ dimensions | join(', ') }},
        numerator,
        denominator,
        'customers' as record_type,
        customer_id as record_id

    from customers_counted
{%- else -%}
    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        period_end_date,
        breakdown,
        member_id,
        currency,
        cast(null as decimal(38, 6)) as original_amount,
        cast(case when is_known then numerator end as decimal(38, 6)) as numerator,
        cast(case when is_known then denominator end as decimal(38, 6)) as denominator,
        case when is_known then {{ safe_divide('numerator', 'denominator') }} end as value,
        is_partial,
        is_before_history,
        list_filter(
            [
                case when has_source and is_before_history then 'no_history' end,
                case
                    when has_source and not is_before_history and unrated_count > 0 then 'no_rate'
                end,
                case when not has_source then 'no_source' end
            ],
            lambda flag: flag is not null
        ) as flag

    from members_judged
{%- endif %}
