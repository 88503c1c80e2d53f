{%- set people = ['rep_id', 'team_id', 'department_id'] -%}
{%- set order_dimensions = {
    'rep_id': 'order_rep_id',
    'team_id': 'order_team_id',
    'department_id': 'order_department_id',
    'product_id': 'order_product_id',
    'channel': 'order_channel',
    'segment': 'order_segment',
    'legal_entity': 'order_legal_entity',
} -%}
{%- set counted = ' and not is_refunded_order' if policy('refunded_orders') == 'exclude' else '' -%}
{%- set dated = {
    'fct_order_lines': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'event_type', 'invoice_id', 'currency', 'net_amount', 'product_id', 'segment',
            'legal_entity', 'is_order', 'has_order', 'is_refunded_order', 'direct_cost_amount',
            'direct_cost_currency',
        ] + people + order_dimensions.values() | list,
    },
    'fct_paid_orders': {
        'days': ['ordered_date', 'month_after_date'],
        'columns': [
            'ordered_date', 'is_first_order', 'next_ordered_date', 'is_first_of_month',
            'month_after_date', 'has_order_in_month_after', 'segment', 'legal_entity',
        ],
    },
    'fct_deal_lines': {
        'days': ['closed_date'],
        'columns': [
            'closed_date', 'currency', 'line_number', 'running_amount', 'earlier_amount',
            'product_id', 'order_product_id', 'rep_id', 'team_id', 'channel', 'segment',
            'legal_entity',
        ],
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{%- set records = {
    'paid_orders': ["'invoices'", 'invoice_id'],
    'lines_converted': ["'invoice_lines'", 'revenue_event_id'],
    'deal_lines_converted': ["'opportunities'", 'opportunity_id'],
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'day': 'report_date', 'dated': dated, 'records': records},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

invoice_lines as (

    {{ changed_rows('fct_order_lines', dated['fct_order_lines']) }}

),

deal_lines as (

    {{ changed_rows('fct_deal_lines', dated['fct_deal_lines']) }}

),

paid_orders as (

    {{ changed_rows('fct_paid_orders', dated['fct_paid_orders']) }}

),

rates as (

    {{ changed_rows('fct_fx_rates_daily', dated['fct_fx_rates_daily']) }}

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
            as converted_amount,
        {{ convert_money(
            'invoice_lines.direct_cost_amount', 'cost_rates.rate', 'currencies.exponent'
        ) }} as converted_cost_amount

    from invoice_lines
    cross join currencies
    left join rates
        on
            rates.rate_purpose = 'flow'
            and invoice_lines.report_date = rates.rate_date
            and invoice_lines.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency
    left join rates as cost_rates
        on
            cost_rates.rate_purpose = 'flow'
            and invoice_lines.report_date = cost_rates.rate_date
            and invoice_lines.direct_cost_currency = cost_rates.from_currency
            and currencies.currency_id = cost_rates.to_currency

),

-- A deal is converted once; its lines share that by running totals.
deal_lines_converted as (

    select
        deal_lines.*,
        deal_lines.running_amount - deal_lines.earlier_amount as signed_amount,
        currencies.currency_id as presentation_currency,
        {{ convert_share(
            'deal_lines.earlier_amount', 'deal_lines.running_amount', 'rates.rate',
            'currencies.exponent'
        ) }} as converted_amount

    from deal_lines
    cross join currencies
    left join rates
        on
            rates.rate_purpose = 'flow'
            and deal_lines.closed_date = rates.rate_date
            and deal_lines.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

contributions as (

    {{ contribution(
        'sales_revenue', variant=basis_variant('invoiced'), of='lines_converted', day='report_date',
        currency='presentation_currency', original_amount='net_amount',
        numerator='converted_amount',
        by=people + ['product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'sales_revenue', variant=basis_variant('booked'), of='deal_lines_converted', day='closed_date',
        currency='presentation_currency', original_amount='signed_amount',
        numerator='converted_amount',
        by=['rep_id', 'team_id', 'product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'sales_by_product', variant=basis_variant('invoiced'), of='lines_converted',
        day='report_date', currency='presentation_currency', numerator='converted_amount',
        by=['rep_id', 'team_id', 'product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'sales_by_product', variant=basis_variant('booked'), of='deal_lines_converted',
        day='closed_date', currency='presentation_currency', numerator='converted_amount',
        by=['rep_id', 'team_id', 'product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'billings', of='lines_converted', day='report_date',
        where="event_type = 'invoice_line'", currency='presentation_currency',
        original_amount='net_amount', numerator='converted_amount',
        by=['product_id', 'legal_entity'],
    ) }}
    union all
    -- Revenue without a known cost is on neither side of the margin. A plan is the product
    -- it is billed as (D-622).
    {%- for kpi_key, amount in [
        ('costed_revenue', 'converted_amount'),
        ('gross_profit', 'converted_amount - converted_cost_amount'),
    ] %}
        {{ contribution(
            kpi_key, of='lines_converted', day='report_date',
            where='direct_cost_amount is not null',
            currency='presentation_currency', numerator=amount,
            by=people + ['product_id', 'segment', 'legal_entity'],
            under={'plan': 'product_id'},
        ) }}
        union all
    {%- endfor %}
    {%- if policy('sales_revenue_basis') == 'booked' %}
        -- An order is a won deal: its first line counts it.
        {{ contribution(
            'average_order_value', of='deal_lines_converted', day='closed_date',
            where='signed_amount is not null',
            currency='presentation_currency', original_amount='signed_amount',
            numerator='converted_amount', denominator='(line_number = 1)::integer',
            by=['rep_id', 'team_id', 'channel', 'segment', 'legal_entity'],
            under={'product_id': 'order_product_id'},
        ) }}
    {%- else %}
        -- A credit note lowers the value of the order it belongs to, on its own day.
        {{ contribution(
            'average_order_value', of='lines_converted', day='report_date',
            where='has_order' ~ counted,
            currency='presentation_currency', original_amount='net_amount',
            numerator='converted_amount', denominator=0, under=order_dimensions,
        ) }}
        union all
        {{ contribution(
            'average_order_value', of='lines_converted', day='report_date',
            where='is_order' ~ counted,
            currency='presentation_currency', numerator=0, denominator=1,
            under=order_dimensions,
        ) }}
    {%- endif %}
    {%- for variant, days in {'standard': 90, 'days_180': 180, 'days_365': 365}.items() %}
        union all
        {{ contribution(
            'repeat_purchase_rate', variant=variant, of='paid_orders', day='ordered_date',
            where='is_first_order',
            numerator='coalesce(next_ordered_date <= ordered_date + ' ~ days ~ ', false)::integer',
            denominator=1, by=['segment', 'legal_entity'],
        ) }}
    {%- endfor %}
    union all
    -- Who ordered in one month, asked about in the next.
    {{ contribution(
        'order_retention_rate', of='paid_orders', day='month_after_date',
        where='is_first_of_month', numerator='has_order_in_month_after::integer',
        denominator=1, by=['segment', 'legal_entity'],
    ) }}

)

{{ sum_contributions('contributions') }}
