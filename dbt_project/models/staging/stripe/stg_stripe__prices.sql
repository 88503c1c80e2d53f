with

live as (

    {{ live_rows('stripe', 'prices') }}

)

select
    -- ids
    price_id,
    product_id,

    -- strings
    nickname as price_name,
    currency,
    "interval",
    usage_type,
    billing_scheme,

    -- numerics
    unit_amount_minor,
    interval_count,

    -- booleans
    is_active,

    -- timestamps
    created_at,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from live
{{ latest_version(['price_id']) }}
