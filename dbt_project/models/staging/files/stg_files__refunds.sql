with

standing as (

    {{ file_rows('refunds', ['refund_id'], day=report_date('refunded_at')) }}

)

select
    -- ids
    refund_id,
    payment_id,
    invoice_id,

    -- strings
    currency,
    reason,

    -- numerics
    amount,

    -- timestamps
    refunded_at,

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
