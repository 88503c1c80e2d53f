with

standing as (

    {{ file_rows('opportunity_lines', ['line_id']) }}

)

select
    -- ids
    line_id,
    opportunity_id,
    product_id,

    -- strings
    currency,

    -- numerics
    quantity,
    unit_price,
    discount_amount,
    amount,

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
