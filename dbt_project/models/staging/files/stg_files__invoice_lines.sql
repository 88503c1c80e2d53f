with

standing as (

    {{ file_rows('invoice_lines', ['line_id']) }}

)

select
    -- ids
    line_id,
    invoice_id,
    subscription_id,
    product_id,

    -- strings
    description,
    currency,

    -- numerics
    quantity,
    amount,
    discount_amount,
    tax_amount,

    -- booleans
    is_proration,

    -- timestamps
    service_starts_at,
    service_ends_at,

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
