with

standing as (

    {{ file_rows('product_costs', ['product_id', 'valid_from'], day='valid_from') }}

)

select
    -- ids
    product_id,

    -- strings
    currency,

    -- numerics
    unit_cost,

    -- dates
    valid_from,
    valid_to,

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
