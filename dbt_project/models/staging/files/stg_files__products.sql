with

standing as (

    {{ file_rows('products', ['product_id']) }}

)

select
    -- ids
    product_id,

    -- strings
    product_name,
    category,
    currency,

    -- numerics
    list_price,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from standing
