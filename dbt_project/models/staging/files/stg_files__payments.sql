with

standing as (

    {{ file_rows('payments', ['payment_id'], day=report_date('paid_at')) }}

)

select
    -- ids
    payment_id,
    customer_id,
    invoice_id,

    -- strings
    status,
    currency,

    -- numerics
    amount,
    fee_amount,

    -- timestamps
    paid_at,

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
