with

rates as (

    select * from {{ ref('int_fx_rates_filled') }}

)

select
    {{ surrogate_key(['rate_date', 'from_currency', 'to_currency', 'rate_purpose']) }}
        as fx_rate_id,
    rate_date,
    from_currency,
    to_currency,
    rate_purpose,
    rate,
    rate_type,
    rate_source,
    source_rate_date,
    carried_days,
    is_inverse,
    is_triangulated,
    batch_id,
    '{{ var("build_id") }}' as build_id

from rates
