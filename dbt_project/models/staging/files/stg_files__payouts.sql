with

standing as (

    {{ file_rows(
        'payouts',
        ['payout_id'],
        day='arrived_on'
    ) }}

)

select
    -- ids
    payout_id,

    -- strings
    currency,
    status,
    bank_reference,

    -- numerics
    amount,

    -- dates
    arrived_on,

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
