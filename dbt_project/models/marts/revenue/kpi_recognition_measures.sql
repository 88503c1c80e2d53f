{%- set order_dimensions = {
    'rep_id': 'order_rep_id',
    'team_id': 'order_team_id',
    'segment': 'order_segment',
    'product_id': 'order_product_id',
} -%}
{%- set records = {
    'deferred_months': ["'invoice_lines'", 'revenue_event_id'],
    'cash_converted': ["'ledger_transactions'", 'cash_transaction_id'],
} -%}
{{ config(meta={'records': records}) }}

with

deferred as (

    select * from {{ ref('fct_deferred_revenue_presented') }}

),

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

cash_transactions as (

    select * from {{ ref('fct_cash_transactions') }}

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

deferred_months as (

    select
        deferred.revenue_event_id,
        deferred.product_id,
        deferred.legal_entity,
        deferred.closing_date,
        deferred.original_currency as currency,
        deferred.currency as presentation_currency,
        deferred.recognised_original_amount,
        deferred.recognised_amount,
        deferred.closing_original_amount,
        deferred.closing_amount,
        invoice_lines.rep_id,
        invoice_lines.team_id,
        invoice_lines.segment

    from deferred
    inner join invoice_lines
        on deferred.revenue_event_id = invoice_lines.revenue_event_id

),

-- Whose sale an invoice's cash is: the order's; of a product only where it has a single one.
orders as (

    select
        invoice_id,
        any_value(order_rep_id) as order_rep_id,
        any_value(order_team_id) as order_team_id,
        any_value(order_segment) as order_segment,
        case when count(distinct product_id) = 1 then min(product_id) end as order_product_id

    from order_lines
    where has_order and event_type = 'invoice_line'
    group by 1

),

cash_converted as (

    select
        cash_transactions.*,
        currencies.currency_id as presentation_currency,
        coalesce(orders.order_rep_id, '(unknown)') as order_rep_id,
        coalesce(orders.order_team_id, '(unknown)') as order_team_id,
        coalesce(orders.order_segment, cash_transactions.segment) as order_segment,
        coalesce(orders.order_product_id, '(unknown)') as order_product_id,
        {{ convert_money('cash_transactions.amount', 'rates.rate', 'currencies.exponent') }}
            as converted_amount,
        {{ convert_money('cash_transactions.net_amount', 'rates.rate', 'currencies.exponent') }}
            as converted_net_amount

    from cash_transactions
    cross join currencies
    left join orders
        on cash_transactions.invoice_id = orders.invoice_id
    left join rates
        on
            cash_transactions.report_date = rates.rate_date
            and cash_transactions.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

contributions as (

    {{ contribution(
        'recognised_revenue', of='deferred_months', day='closing_date',
        where='recognised_original_amount <> 0', currency='presentation_currency',
        original_amount='recognised_original_amount', numerator='recognised_amount',
        by=['product_id', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'sales_revenue', variant=basis_variant('recognised'), of='deferred_months', day='closing_date',
        where='recognised_original_amount <> 0', currency='presentation_currency',
        original_amount='recognised_original_amount', numerator='recognised_amount',
        by=['rep_id', 'team_id', 'product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'sales_by_product', variant=basis_variant('recognised'), of='deferred_months',
        day='closing_date', where='recognised_original_amount <> 0',
        currency='presentation_currency', numerator='recognised_amount',
        by=['rep_id', 'team_id', 'product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'deferred_revenue_closing', of='deferred_months', day='closing_date',
        where='closing_original_amount <> 0', currency='presentation_currency',
        original_amount='closing_original_amount', numerator='closing_amount',
        by=['product_id', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'cash_collected', of='cash_converted', day='report_date',
        currency='presentation_currency', original_amount='amount',
        numerator='converted_amount', by=['legal_entity'],
    ) }}
    union all
    {{ contribution(
        'sales_revenue', variant=basis_variant('collected'), of='cash_converted', day='report_date',
        currency='presentation_currency', original_amount='net_amount',
        numerator='converted_net_amount', by=['legal_entity'], under=order_dimensions,
    ) }}
    union all
    {{ contribution(
        'sales_by_product', variant=basis_variant('collected'), of='cash_converted',
        day='report_date', currency='presentation_currency',
        numerator='converted_net_amount', by=['legal_entity'], under=order_dimensions,
    ) }}

)

{{ sum_contributions('contributions') }}
