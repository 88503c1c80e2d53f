with

live as (

    {{ live_rows('stripe', 'refunds') }}

)

select
    -- ids
    refund_id,
    charge_id,
    balance_transaction_id,

    -- strings
    status,
    currency,
    reason,

    -- numerics
    amount_minor,

    -- timestamps
    created_at,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from live
{{ latest_version(['refund_id']) }}
