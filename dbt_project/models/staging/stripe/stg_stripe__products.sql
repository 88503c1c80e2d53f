with

live as (

    {{ live_rows('stripe', 'products') }}

)

select
    -- ids
    product_id,
    product_code,

    -- strings
    product_name,

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
{{ latest_version(['product_id']) }}
