with

live as (

    {{ live_rows('stripe', 'customers') }}

)

select
    -- ids
    customer_id,
    crm_account_id as account_id,

    -- strings
    customer_name,
    email,
    country,
    currency,

    -- booleans
    coalesce(is_deleted, false) as is_deleted,

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
{{ latest_version(['customer_id']) }}
