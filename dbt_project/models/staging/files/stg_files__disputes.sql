with

standing as (

    {{ file_rows(
        'disputes',
        ['dispute_id'],
        day=report_date('opened_at')
    ) }}

)

select
    -- ids
    dispute_id,
    payment_id,

    -- strings
    status,
    currency,

    -- numerics
    amount,
    fee_amount,

    -- timestamps
    opened_at,
    closed_at,

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
