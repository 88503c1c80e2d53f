{%- set dated = {
    'fct_order_lines': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'invoice_id', 'currency', 'net_amount', 'rep_id', 'team_id',
            'department_id', 'product_id', 'segment', 'legal_entity', 'is_order', 'has_order',
            'order_rep_id', 'order_team_id', 'order_department_id', 'order_segment',
            'order_legal_entity',
        ],
    },
    'fct_customer_mrr': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'customer_id', 'product_id', 'currency', 'mrr_amount', 'rep_id',
            'team_id', 'segment', 'legal_entity',
        ],
    },
    'fct_mrr_monthly': {
        'days': ['closing_date'],
        'columns': [
            'closing_date', 'currency', 'original_currency', 'movement_type',
            'opening_original_amount', 'closing_original_amount', 'opening_mrr_amount',
            'new_mrr_amount', 'expansion_mrr_amount', 'contraction_mrr_amount',
            'churned_mrr_amount', 'reactivation_mrr_amount', 'fx_mrr_amount',
            'closing_mrr_amount', 'rep_id', 'team_id', 'segment', 'legal_entity',
        ],
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'day': 'report_date', 'dated': dated},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

invoice_lines as (

    {{ changed_rows('fct_order_lines', dated['fct_order_lines']) }}

),

customer_mrr as (

    {{ changed_rows('fct_customer_mrr', dated['fct_customer_mrr']) }}

),

mrr_months as (

    {{ changed_rows('fct_mrr_monthly', dated['fct_mrr_monthly']) }}

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

-- A credit note lowers the value of the order it belongs to, on its own day.
order_values as (

    select
        'average_order_value' as kpi_key,
        report_date,
        presentation_currency as currency,
        currency as original_currency,
        net_amount as original_amount,
        converted_amount as numerator,
        0 as denominator,
        order_rep_id as rep_id,
        order_team_id as team_id,
        order_department_id as department_id,
        cast(null as varchar) as product_id,
        order_segment as segment,
        order_legal_entity as legal_entity

    from lines_converted
    where has_order

),

order_counts as (

    select
        'average_order_value' as kpi_key,
        report_date,
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

    from lines_converted
    where is_order

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

),

contributions_of_days as (

    select * from contributions_in_shape
    {{ in_changed_days('report_date') }}

)

{{ sum_contributions('contributions_of_days') }}
