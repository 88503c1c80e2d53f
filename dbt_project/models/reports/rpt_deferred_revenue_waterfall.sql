with

deferred_months as (

    select * from {{ ref('fct_deferred_revenue_presented') }}

)

select
    {{ surrogate_key([
        'legal_entity',
        'original_currency',
        'invoice_month_start_date',
        'month_start_date',
        'currency',
    ]) }} as waterfall_id,
    legal_entity,
    invoice_month_start_date,
    month_start_date,
    closing_date,
    is_partial,
    original_currency,
    sum(opening_original_amount) as opening_original_amount,
    sum(billed_original_amount) as billed_original_amount,
    sum(credited_original_amount) as credited_original_amount,
    sum(recognised_original_amount) as recognised_original_amount,
    sum(closing_original_amount) as closing_original_amount,
    functional_currency,
    {%- for name in [
        'opening_functional', 'billed_functional', 'credited_functional',
        'recognised_functional', 'closing_functional',
    ] %}
        {{ sum_known(name ~ '_amount') }} as {{ name }}_amount,
    {%- endfor %}
    currency,
    {%- for name in ['opening', 'billed', 'credited', 'recognised', 'fx', 'closing'] %}
        {{ sum_known(name ~ '_amount') }} as {{ name }}_amount,
    {%- endfor %}
    '{{ var("build_id") }}' as build_id

from deferred_months
group by
    legal_entity,
    invoice_month_start_date,
    month_start_date,
    closing_date,
    is_partial,
    original_currency,
    functional_currency,
    currency
