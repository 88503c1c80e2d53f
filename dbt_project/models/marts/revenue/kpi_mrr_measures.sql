{%- set dimensions = ['rep_id', 'team_id', 'segment', 'legal_entity'] -%}
{%- set records = {
    'mrr_converted': ["'customers'", 'customer_id'],
    'customers_paying': ["'customers'", 'customer_id'],
    'mrr_months': ["'customers'", 'customer_id'],
} -%}
{{ config(meta={'records': records}) }}

with

customer_mrr as (

    select * from {{ ref('fct_customer_mrr') }}

),

mrr_months as (

    select
        * exclude (currency, original_currency),
        currency as presentation_currency,
        original_currency as currency,
        closing_mrr_amount - opening_mrr_amount as net_new_mrr_amount,
        closing_original_amount - opening_original_amount as change_amount

    from {{ ref('fct_mrr_monthly') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'stock'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- A customer's MRR is converted once; its products share the converted amount by running
-- totals (R-SPLIT), so that products, customers and company add up to the same figure.
mrr_converted as (

    select
        customer_mrr.*,
        currencies.currency_id as presentation_currency,
        {{ convert_share(
            'customer_mrr.earlier_mrr_amount',
            'customer_mrr.earlier_mrr_amount + customer_mrr.mrr_amount',
            'rates.rate', 'currencies.exponent'
        ) }} as converted_amount,
        {{ convert_share(
            'customer_mrr.earlier_churn_scheduled_amount',
            'customer_mrr.earlier_churn_scheduled_amount + customer_mrr.churn_scheduled_amount',
            'rates.rate', 'currencies.exponent'
        ) }} as scheduled_amount

    from customer_mrr
    cross join currencies
    left join rates
        on
            customer_mrr.report_date = rates.rate_date
            and customer_mrr.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

customers_paying as (

    select
        customer_id,
        report_date,
        min(rep_id) as rep_id,
        min(team_id) as team_id,
        min(segment) as segment,
        -- Of a customer who pays in several currencies; in one there is one plan.
        min(plan) as plan,
        min(legal_entity) as legal_entity

    from customer_mrr
    group by 1, 2

),

contributions as (

    {{ contribution(
        'mrr', of='mrr_converted', day='report_date', currency='presentation_currency',
        original_amount='mrr_amount', numerator='converted_amount',
        by=dimensions + ['product_id', 'plan'],
    ) }}
    union all
    {{ contribution(
        'churn_scheduled', of='mrr_converted', day='report_date',
        where='churn_scheduled_amount <> 0', currency='presentation_currency',
        original_amount='churn_scheduled_amount', numerator='scheduled_amount',
        by=dimensions + ['product_id', 'plan'],
    ) }}
    union all
    {{ contribution(
        'paying_customers', of='customers_paying', day='report_date', numerator=1,
        by=dimensions + ['plan'],
    ) }}
    {%- for kpi_key, movement_type, sign in [
        ('new_mrr', 'new', ''),
        ('expansion_mrr', 'expansion', ''),
        ('contraction_mrr', 'contraction', '-'),
        ('churned_mrr', 'churned', '-'),
        ('reactivation_mrr', 'reactivation', ''),
    ] %}
        union all
        -- A converted amount of NULL is a missing rate and must stay visible.
        {{ contribution(
            kpi_key, of='mrr_months', day='closing_date',
            where="movement_type = '" ~ movement_type ~ "' and ("
            ~ kpi_key ~ '_amount is null or ' ~ kpi_key ~ '_amount <> 0 or change_amount <> 0)',
            currency='presentation_currency', original_amount=sign ~ 'change_amount',
            numerator=kpi_key ~ '_amount', by=dimensions + ['plan', 'lead_source_group'],
        ) }}
    {%- endfor %}
    union all
    -- What rates alone moved has no amount in the customer's own currency.
    {{ contribution(
        'fx_mrr', of='mrr_months', day='closing_date',
        where='fx_mrr_amount is null or fx_mrr_amount <> 0',
        currency='presentation_currency', original_amount='0',
        numerator='fx_mrr_amount', by=dimensions + ['plan'],
    ) }}
    union all
    {{ contribution(
        'net_new_mrr', of='mrr_months', day='closing_date',
        where='net_new_mrr_amount is null or net_new_mrr_amount <> 0 or change_amount <> 0',
        currency='presentation_currency', original_amount='change_amount',
        numerator='net_new_mrr_amount', by=dimensions + ['plan'],
    ) }}

)

{{ sum_contributions('contributions', of_stocks=true) }}
