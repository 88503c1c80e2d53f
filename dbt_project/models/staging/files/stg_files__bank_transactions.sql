with

standing as (

    {{ file_rows(
        'bank_transactions',
        ['legal_entity', 'transaction_id'],
        day='booked_on'
    ) }}

)

select
    -- ids
    transaction_id,
    invoice_id,
    payout_id,

    -- strings
    currency,
    counterparty,
    reference,

    -- numerics
    amount,

    -- dates
    booked_on,

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
