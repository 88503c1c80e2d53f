{#- Steps of rpt_retention_values: what is compared, what it is worth, and the last whole months.
    Each is a list of common table expressions over those the model has before it. -#}
{#- Who was there at the beginning of each period, who of them was lost and why, and who came.
    Of `periods`, `days_compared`, `customer_mrr`, `customers` and `subscription_ends`; gives
    `paying`, `opening_customers`, `churn_reasons` and `customers_come`. -#}
{% macro retention_customers() -%}
paying as (

    select
        customer_mrr.customer_id,
        customer_mrr.report_date,
        min(customer_mrr.rep_id) as rep_id,
        min(customer_mrr.team_id) as team_id,
        min(customer_mrr.segment) as segment,
        min(customer_mrr.legal_entity) as legal_entity,
        min(customer_mrr.plan) as plan

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
{%- endmacro %}


{#- What each of them paid at both ends. Of `opening_customers`, `customers_come`, `rates` and
    `currencies`; gives `customer_amounts`. -#}
{% macro retention_amounts() -%}
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
{%- endmacro %}


{#- Churn over the last whole months by the end of each period (policy ltv_churn_months). Of
    `periods` and `members_summed`; gives `trailing_summed` and `trailing_missing`. -#}
{% macro retention_trailing_months() -%}
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
{%- endmacro %}
