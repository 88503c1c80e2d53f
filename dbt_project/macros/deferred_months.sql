{#- Rows of deferred revenue per line and month: what was billed, credited and recognised of each
    invoice line to the end of each month of its life, whichever months those are: the
    company's, or the calendar's where books are kept by them (D-631). -#}
{% macro deferred_months(first_day, last_day) -%}
with

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

plans as (

    select * from {{ ref('int_revenue_plans_laid') }}
    where held_until is null

),

credits as (

    select * from {{ ref('int_revenue_credits_shared') }}
    where voided_date is null

),

legal_entities as (

    select * from {{ ref('dim_legal_entities') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

months as (

    select distinct
        {{ first_day }} as month_start_date,
        {{ last_day }} as month_end_date,
        least({{ last_day }}, {{ as_of_date() }}) as closing_date

    from {{ ref('dim_dates') }}
    where {{ first_day }} <= {{ as_of_date() }}

),

plans_bounded as (

    select
        revenue_event_id,
        min(starts_on) as first_date,
        max(cut_on) - 1 as last_date,
        any_value(exponent) as exponent

    from plans
    group by 1

),

credits_bounded as (

    select
        revenue_event_id,
        max(credited_date) as last_date

    from credits
    group by 1

),

-- Lines, and credit notes that no line bears.
lines as (

    select
        invoice_lines.*,
        plans_bounded.exponent,
        legal_entities.functional_currency,
        rates.rate as functional_rate,
        functional_currencies.exponent as functional_exponent,
        case when invoice_lines.event_type = 'invoice_line' then invoice_lines.net_amount else 0 end
            as billed_amount,
        least(plans_bounded.first_date, invoice_lines.report_date) as first_date,
        greatest(
            plans_bounded.last_date,
            invoice_lines.report_date,
            coalesce(credits_bounded.last_date, invoice_lines.report_date)
        ) as last_date

    from invoice_lines
    inner join plans_bounded
        on invoice_lines.revenue_event_id = plans_bounded.revenue_event_id
    left join credits_bounded
        on invoice_lines.revenue_event_id = credits_bounded.revenue_event_id
    inner join legal_entities
        on invoice_lines.legal_entity = legal_entities.legal_entity
    left join currencies as functional_currencies
        on legal_entities.functional_currency = functional_currencies.currency_id
    left join rates
        on
            invoice_lines.currency = rates.from_currency
            and legal_entities.functional_currency = rates.to_currency
            and invoice_lines.report_date = rates.rate_date

),

line_months as (

    select
        lines.revenue_event_id,
        months.month_start_date,
        months.month_end_date,
        months.closing_date

    from lines
    inner join months
        on
            lines.first_date <= months.closing_date
            and lines.last_date >= months.month_start_date

),

recognised_to_date as (

    select
        line_months.revenue_event_id,
        line_months.month_start_date,
        sum({{ recognised_amount(
            'plans.plan_amount',
            'plans.exponent',
            '(least(line_months.closing_date + 1, plans.cut_on) - plans.starts_on)',
            'plans.service_days',
        ) }}) as recognised_amount,
        -coalesce(
            sum(plans.plan_amount) filter (
                where
                plans.plan_type = 'taken_back' and plans.starts_on <= line_months.closing_date
            ),
            0
        ) as taken_back_amount

    from line_months
    inner join plans
        on line_months.revenue_event_id = plans.revenue_event_id
    group by 1, 2

),

credited_to_date as (

    select
        line_months.revenue_event_id,
        line_months.month_start_date,
        sum(credits.credit_amount) as credited_amount

    from line_months
    inner join credits
        on
            line_months.revenue_event_id = credits.revenue_event_id
            and line_months.closing_date >= credits.credited_date
    group by 1, 2

),

-- Everything since the line began, at the end of each of its months.
to_date as (

    select
        lines.*,
        line_months.month_start_date,
        line_months.month_end_date,
        line_months.closing_date,
        case when lines.report_date <= line_months.closing_date then lines.billed_amount else 0 end
            as billed_to_date,
        -- No credit is a measured zero.
        coalesce(credited_to_date.credited_amount, 0) as credited_to_date,
        recognised_to_date.recognised_amount as recognised_to_date,
        recognised_to_date.taken_back_amount as taken_back_to_date

    from line_months
    inner join lines
        on line_months.revenue_event_id = lines.revenue_event_id
    inner join recognised_to_date
        on
            line_months.revenue_event_id = recognised_to_date.revenue_event_id
            and line_months.month_start_date = recognised_to_date.month_start_date
    left join credited_to_date
        on
            line_months.revenue_event_id = credited_to_date.revenue_event_id
            and line_months.month_start_date = credited_to_date.month_start_date

),

-- In the entity's own currency a line stays at the rate of its invoice. What is recognised is
-- what is left of the converted whole, so that a line that is over leaves nothing behind.
to_date_valued as (

    select
        *,
        {{ convert_money('billed_to_date', 'functional_rate', 'functional_exponent') }}
            as billed_functional_to_date,
        {{ convert_money('credited_to_date', 'functional_rate', 'functional_exponent') }}
            as credited_functional_to_date,
        {{ convert_money(
            'recognised_to_date + credited_to_date', 'functional_rate', 'functional_exponent'
        ) }}
        - {{ convert_money('credited_to_date', 'functional_rate', 'functional_exponent') }}
            as recognised_functional_to_date

    from to_date

),

months_compared as (

    select
        {%- for name in [
            'billed', 'credited', 'recognised', 'taken_back',
            'billed_functional', 'credited_functional', 'recognised_functional',
        ] %}
            coalesce(
                lag({{ name }}_to_date) over (
                    partition by revenue_event_id
                    order by month_start_date
                ),
                0
            ) as {{ name }}_before,
        {%- endfor %}
        *

    from to_date_valued

)

select
    {{ surrogate_key(['revenue_event_id', 'month_start_date']) }} as deferred_month_id,
    revenue_event_id,
    invoice_id,
    customer_id,
    subscription_id,
    product_id,
    legal_entity,
    source_name,
    report_date as billed_date,
    {{ month_start('report_date') }} as invoice_month_start_date,
    month_start_date,
    closing_date,
    closing_date < month_end_date as is_partial,
    currency as original_currency,
    cast(billed_before - credited_before - recognised_before as decimal(38, 4))
        as opening_original_amount,
    cast(billed_to_date - billed_before as decimal(38, 4)) as billed_original_amount,
    cast(credited_to_date - credited_before as decimal(38, 4)) as credited_original_amount,
    cast(recognised_to_date - recognised_before as decimal(38, 4))
        as recognised_original_amount,
    cast(taken_back_to_date - taken_back_before as decimal(38, 4))
        as taken_back_original_amount,
    cast(billed_to_date - credited_to_date - recognised_to_date as decimal(38, 4))
        as closing_original_amount,
    functional_currency,
    functional_rate,
    cast(
        billed_functional_before - credited_functional_before - recognised_functional_before
        as decimal(38, 4)
    ) as opening_functional_amount,
    cast(billed_functional_to_date - billed_functional_before as decimal(38, 4))
        as billed_functional_amount,
    cast(credited_functional_to_date - credited_functional_before as decimal(38, 4))
        as credited_functional_amount,
    cast(recognised_functional_to_date - recognised_functional_before as decimal(38, 4))
        as recognised_functional_amount,
    cast(
        billed_functional_to_date - credited_functional_to_date - recognised_functional_to_date
        as decimal(38, 4)
    ) as closing_functional_amount,
    source_ref,
    batch_id

from months_compared
{%- endmacro %}
