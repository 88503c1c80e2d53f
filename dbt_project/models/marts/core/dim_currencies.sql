with

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

)

select
    currency as currency_id,
    currency_name,
    exponent,
    list_contains({{ var('presentation_currencies') }}, currency) as is_presentation,
    currency = '{{ var("reporting_currency") }}' as is_reporting

from currency_exponents
