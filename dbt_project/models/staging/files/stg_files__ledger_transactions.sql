with

standing as (

    {{ file_rows(
        'ledger_transactions',
        ['transaction_id'],
        day=report_date('occurred_at')
    ) }}

)

select
    -- ids
    transaction_id,
    source_id,
    payout_id,

    -- strings
    type,
    currency,

    -- numerics
    amount,
    fee_amount,
    net_amount,
    exchange_rate,

    -- dates
    available_on,

    -- timestamps
    occurred_at,

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
