with

live as (

    {{ live_rows('stripe', 'balance_transactions') }}

)

select
    -- ids
    transaction_id,
    source_id,

    -- strings
    type,
    reporting_category,
    currency,

    -- numerics
    amount_minor,
    fee_minor,
    net_minor,
    exchange_rate,

    -- dates
    available_on,

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
{{ latest_version(['transaction_id']) }}
