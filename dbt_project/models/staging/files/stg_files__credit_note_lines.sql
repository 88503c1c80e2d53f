with

standing as (

    {{ file_rows('credit_note_lines', ['line_id']) }}

)

select
    -- ids
    line_id,
    credit_note_id,
    invoice_line_id,

    -- strings
    currency,

    -- numerics
    amount,
    tax_amount,

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
