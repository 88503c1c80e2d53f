{%- set amounts = [
    'mrr_amount', 'not_billed_amount', 'changed_amount', 'discount_amount',
    'prepaid_amount', 'one_off_amount', 'proration_amount', 'metered_amount',
    'credit_amount', 'billed_amount', 'tax_amount', 'billed_with_tax_amount',
    'residue_amount',
] -%}
with

subscription_steps as (

    select * from {{ ref('fct_mrr_to_billings') }}

)

select
    {{ surrogate_key(['period_start_date', 'legal_entity', 'currency']) }}
        as mrr_to_billings_id,
    period_start_date,
    last_day(period_start_date) as period_end_date,
    legal_entity,
    currency,
    {% for amount in amounts -%}
        cast(sum({{ amount }}) as decimal(38, 4)) as {{ amount }},
    {% endfor -%}
    '{{ var("build_id") }}' as build_id

from subscription_steps
group by period_start_date, legal_entity, currency
