with

standing as (

    {{ file_rows('credit_notes', ['credit_note_id'], day=report_date('issued_at')) }}

)

select
    -- ids
    credit_note_id,
    invoice_id,

    -- strings
    currency,
    reason,

    -- numerics
    amount,
    tax_amount,

    -- timestamps
    issued_at,
    voided_at,

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
