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

-- A customer is on the plan most of its recurring revenue comes from.
paying as (

    select
        customer_mrr.customer_id,
        customer_mrr.report_date,
        min(customer_mrr.rep_id) as rep_id,
        min(customer_mrr.team_id) as team_id,
        min(customer_mrr.segment) as segment,
        min(customer_mrr.legal_entity) as legal_entity,
        max_by(
            customer_mrr.product_id, row(customer_mrr.mrr_amount, customer_mrr.product_id)
        ) as plan

    from customer_mrr
    semi join days_compared
        on customer_mrr.report_date = days_compared.report_date
    group by 1, 2

),

-- Tenure: months since the one of the first payment.
paying_described as (

    select
        paying.*,
        customers.first_paid_date,
        case
            when customers.first_paid_date is null then '(unknown)'
            when datediff('month', customers.first_paid_date, paying.report_date) <= 3
                then '0-3'
            when datediff('month', customers.first_paid_date, paying.report_date) <= 12
                then '4-12'
            when datediff('month', customers.first_paid_date, paying.report_date) <= 24
                then '13-24'
            else '25+'
        end as tenure_band

    from paying
    left join customers
        on paying.customer_id = customers.customer_id

),

-- Each period follows its own opening set; a quarter is not the sum of its months.
opening_customers as (

    select
        periods.kpi_key,
        periods.grain,
        periods.period_start_date,
        periods.opening_date,
        periods.closing_date,
        opening.* exclude (report_date, first_paid_date),
        case when closing.customer_id is null then 1 else 0 end as lost_count

    from periods
    inner join paying_described as opening
        on periods.opening_date = opening.report_date
    left join paying as closing
        on
            periods.closing_date = closing.report_date
            and opening.customer_id = closing.customer_id

),

-- Why who was lost was lost: what ended last; NULL = nobody knows.
churn_reasons as (

    select
        opening_customers.grain,
        opening_customers.period_start_date,
        opening_customers.customer_id,
        max_by(subscription_ends.churn_reason, subscription_ends.ended_date) as churn_reason

    from opening_customers
    inner join subscription_ends
        on
            opening_customers.customer_id = subscription_ends.customer_id
            and opening_customers.opening_date < subscription_ends.ended_date
            and opening_customers.closing_date >= subscription_ends.ended_date
    where
        opening_customers.kpi_key = 'customer_churn_rate'
        and opening_customers.lost_count = 1
    group by 1, 2, 3

),

-- Who pays at the end and did not at the start: half of the new may count in the base of
-- churn, those back may count in net retention.
customers_come as (

    select
        periods.kpi_key,
        periods.grain,
        periods.period_start_date,
        periods.closing_date,
        closing.* exclude (report_date),
        closing.first_paid_date < periods.period_start_date as is_back

    from periods
    inner join paying_described as closing
        on periods.closing_date = closing.report_date
    anti join paying as opening
        on
            periods.opening_date = opening.report_date
            and closing.customer_id = opening.customer_id

),

amounts as (

    select
        customer_mrr.customer_id,
        customer_mrr.report_date,
        customer_mrr.currency,
        sum(customer_mrr.mrr_amount) as mrr_amount

    from customer_mrr
    semi join days_compared
        on customer_mrr.report_date = days_compared.report_date
    group by 1, 2, 3

),

-- Both ends at the rate of the later one: what only the rate moved is no retention.
ends as (

    {%- for side, relation in [
        ('opening', 'opening_customers'), ('closing', 'opening_customers'),
        ('closing', 'customers_come'),
    ] %}
        {{ 'union all' if not loop.first }}
        select
            {{ relation }}.kpi_key,
            {{ relation }}.grain,
            {{ relation }}.period_start_date,
            {{ relation }}.customer_id,
            {{ relation }}.closing_date,
            '{{ side }}' as side,
            amounts.currency,
            amounts.mrr_amount

        from {{ relation }}
        inner join amounts
            on
                {{ relation }}.customer_id = amounts.customer_id
                and {{ relation }}.{{ side }}_date = amounts.report_date
        where {{ relation }}.kpi_key in ('grr', 'nrr')
    {%- endfor %}

),

ends_converted as (

    select
        ends.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('ends.mrr_amount', 'rates.rate', 'currencies.exponent') }}
            as converted_amount

    from ends
    cross join currencies
    left join rates
        on
            ends.closing_date = rates.rate_date
            and ends.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

customer_amounts as (

    select
        kpi_key,
        grain,
        period_start_date,
        customer_id,
        presentation_currency as currency,
        count(*) filter (where converted_amount is null) as unrated_count,
        coalesce(sum(converted_amount) filter (where side = 'opening'), 0) as opening_amount,
        coalesce(sum(converted_amount) filter (where side = 'closing'), 0) as closing_amount

    from ends_converted
    group by 1, 2, 3, 4, 5

),

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

months as (

    select
        *,
        row_number() over (order by period_start_date) as month_number

    from periods
    where kpi_key = 'customer_churn_rate' and grain = 'month'

),

-- The last whole months by the end of each period.
last_months as (

    select
        periods.kpi_key,
        periods.grain,
        periods.period_start_date,
        max(months.month_number) as last_month_number

    from periods
    inner join months
        on periods.closing_date >= months.period_end_date
    where periods.kpi_key = 'customer_churn_rate'
    group by 1, 2, 3

),

trailing_months as (

    select
        last_months.kpi_key,
        last_months.grain,
        last_months.period_start_date,
        months.period_start_date as month_start_date,
        months.is_before_history

    from last_months
    inner join months
        on
            last_months.last_month_number >= months.month_number
            and last_months.last_month_number
            < months.month_number + {{ policy('ltv_churn_months') }}

),

-- Fewer months than asked for, or months nobody knows, are no average.
trailing_known as (

    select
        grain,
        period_start_date

    from trailing_months
    group by 1, 2
    having
        count(*) = {{ policy('ltv_churn_months') }}
        and bool_and(not is_before_history)

),

trailing_summed as (

    select
        trailing_months.kpi_key,
        'trailing' as variant,
        trailing_months.grain,
        trailing_months.period_start_date,
        members_summed.currency,
        members_summed.breakdown,
        members_summed.member_id,
        sum(members_summed.numerator) as numerator,
        sum(members_summed.denominator) as denominator,
        sum(members_summed.unrated_count) as unrated_count

    from trailing_months
    inner join members_summed
        on
            trailing_months.kpi_key = members_summed.kpi_key
            and members_summed.variant = 'standard'
            and members_summed.grain = 'month'
            and trailing_months.month_start_date = members_summed.period_start_date
    semi join trailing_known
        on
            trailing_months.grain = trailing_known.grain
            and trailing_months.period_start_date = trailing_known.period_start_date
    group by 1, 2, 3, 4, 5, 6, 7

),

-- A period without all the months has a row that says nothing.
trailing_missing as (

    select
        periods.kpi_key,
        'trailing' as variant,
        periods.grain,
        periods.period_start_date,
        cast(null as varchar) as currency,
        'total' as breakdown,
        '(total)' as member_id,
        null as numerator,
        null as denominator,
        0 as unrated_count

    from periods
    anti join trailing_known
        on
            periods.grain = trailing_known.grain
            and periods.period_start_date = trailing_known.period_start_date
    where periods.kpi_key = 'customer_churn_rate'

),

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
