with

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

customer_mrr as (

    select * from {{ ref('fct_customer_mrr') }}

),

mrr_months as (

    select * from {{ ref('fct_mrr_monthly') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

lines_converted as (

    select
        invoice_lines.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('invoice_lines.net_amount', 'rates.rate', 'currencies.exponent') }}
            as converted_amount

    from invoice_lines
    cross join currencies
    left join rates
        on
            rates.rate_purpose = 'flow'
            and invoice_lines.report_date = rates.rate_date
            and invoice_lines.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

sales_revenue as (

    select
        'sales_revenue' as kpi_key,
        report_date,
        presentation_currency as currency,
        currency as original_currency,
        net_amount as original_amount,
        converted_amount as numerator,
        cast(null as integer) as denominator,
        rep_id,
        team_id,
        department_id,
        product_id,
        segment,
        legal_entity

    from lines_converted

),

-- An order is one finalised invoice, credited to the rep of its largest line. A credit note
-- of an invoice no source delivered lowers revenue, but there is no order it belongs to.
orders as (

    select
        invoice_id,
        presentation_currency,
        report_date as ordered_date,
        rep_id,
        team_id,
        department_id,
        segment,
        legal_entity

    from lines_converted
    where event_type = 'invoice_line'
    qualify row_number() over (
        partition by invoice_id, presentation_currency
        order by net_amount desc, revenue_event_id asc
    ) = 1

),

order_values as (

    select
        'average_order_value' as kpi_key,
        lines_converted.report_date,
        lines_converted.presentation_currency as currency,
        lines_converted.currency as original_currency,
        lines_converted.net_amount as original_amount,
        lines_converted.converted_amount as numerator,
        0 as denominator,
        orders.rep_id,
        orders.team_id,
        orders.department_id,
        cast(null as varchar) as product_id,
        orders.segment,
        orders.legal_entity

    from lines_converted
    inner join orders
        on
            lines_converted.invoice_id = orders.invoice_id
            and lines_converted.presentation_currency = orders.presentation_currency

),

order_counts as (

    select
        'average_order_value' as kpi_key,
        ordered_date as report_date,
        presentation_currency as currency,
        cast(null as varchar) as original_currency,
        cast(null as decimal(38, 4)) as original_amount,
        0 as numerator,
        1 as denominator,
        rep_id,
        team_id,
        department_id,
        cast(null as varchar) as product_id,
        segment,
        legal_entity

    from orders

),

-- A customer's MRR is converted once; its products share the converted amount by running
-- totals (R-SPLIT), so that products, customers and company add up to the same figure.
mrr_running as (

    select
        *,
        sum(mrr_amount) over (
            partition by customer_id, currency, report_date
            order by product_id
            rows between unbounded preceding and current row
        ) as running_mrr_amount

    from customer_mrr

),

mrr_rated as (

    select
        mrr_running.*,
        currencies.currency_id as presentation_currency,
        currencies.exponent,
        rates.rate

    from mrr_running
    cross join currencies
    left join rates
        on
            rates.rate_purpose = 'stock'
            and mrr_running.report_date = rates.rate_date
            and mrr_running.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

mrr as (

    select
        'mrr' as kpi_key,
        report_date,
        presentation_currency as currency,
        currency as original_currency,
        mrr_amount as original_amount,
        {{ convert_money('running_mrr_amount', 'rate', 'exponent') }}
        - {{ convert_money('running_mrr_amount - mrr_amount', 'rate', 'exponent') }}
            as numerator,
        cast(null as integer) as denominator,
        rep_id,
        team_id,
        cast(null as varchar) as department_id,
        product_id,
        segment,
        legal_entity

    from mrr_rated

),

customers_paying as (

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

paying_customers as (

    select
        'paying_customers' as kpi_key,
        report_date,
        cast(null as varchar) as currency,
        cast(null as varchar) as original_currency,
        cast(null as decimal(38, 4)) as original_amount,
        1 as numerator,
        cast(null as integer) as denominator,
        rep_id,
        team_id,
        cast(null as varchar) as department_id,
        cast(null as varchar) as product_id,
        segment,
        legal_entity

    from customers_paying

),

months_signed as (

    select
        *,
        closing_original_amount - opening_original_amount as change_original_amount

    from mrr_months

),

movement_amounts as (

    select
        months_signed.*,
        -- One row per KPI; its parts become columns of their own names.
        unnest([  -- noqa: AL03
            {
                'kpi_key': 'new_mrr',
                'numerator': months_signed.new_mrr_amount,
                'original_amount': case months_signed.movement_type
                    when 'new' then months_signed.change_original_amount
                    else 0
                end
            },
            {
                'kpi_key': 'expansion_mrr',
                'numerator': months_signed.expansion_mrr_amount,
                'original_amount': case months_signed.movement_type
                    when 'expansion' then months_signed.change_original_amount
                    else 0
                end
            },
            {
                'kpi_key': 'contraction_mrr',
                'numerator': months_signed.contraction_mrr_amount,
                'original_amount': case months_signed.movement_type
                    when 'contraction' then -months_signed.change_original_amount
                    else 0
                end
            },
            {
                'kpi_key': 'churned_mrr',
                'numerator': months_signed.churned_mrr_amount,
                'original_amount': case months_signed.movement_type
                    when 'churned' then -months_signed.change_original_amount
                    else 0
                end
            },
            {
                'kpi_key': 'reactivation_mrr',
                'numerator': months_signed.reactivation_mrr_amount,
                'original_amount': case months_signed.movement_type
                    when 'reactivation' then months_signed.change_original_amount
                    else 0
                end
            },
            {
                'kpi_key': 'fx_mrr',
                'numerator': months_signed.fx_mrr_amount,
                'original_amount': 0
            },
            {
                'kpi_key': 'net_new_mrr',
                'numerator': months_signed.closing_mrr_amount
                - months_signed.opening_mrr_amount,
                'original_amount': months_signed.change_original_amount
            }
        ], recursive := true)

    from months_signed

),

movements as (

    select
        kpi_key,
        closing_date as report_date,
        currency,
        original_currency,
        original_amount,
        numerator,
        cast(null as integer) as denominator,
        rep_id,
        team_id,
        cast(null as varchar) as department_id,
        cast(null as varchar) as product_id,
        segment,
        legal_entity

    from movement_amounts
    -- A converted amount of NULL is a missing rate and must stay visible.
    where numerator is null or numerator <> 0 or original_amount <> 0

),

contributions as (

    select * from sales_revenue
    union all
    select * from order_values
    union all
    select * from order_counts
    union all
    select * from mrr
    union all
    select * from paying_customers
    union all
    select * from movements

),

contributions_in_shape as (

    select
        kpi_key,
        report_date,
        currency,
        original_currency,
        original_amount,
        numerator,
        denominator,
        rep_id,
        team_id,
        department_id,
        cast(null as varchar) as lead_source_group,
        cast(null as varchar) as campaign_id,
        cast(null as varchar) as channel,
        cast(null as varchar) as platform,
        product_id,
        segment,
        cast(null as varchar) as stage,
        cast(null as varchar) as customer_type,
        legal_entity

    from contributions

)

{{ sum_contributions('contributions_in_shape') }}
