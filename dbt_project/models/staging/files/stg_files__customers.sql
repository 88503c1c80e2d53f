with

standing as (

    {{ file_rows('customers', ['customer_id'], day=report_date('created_at')) }}

)

select
    -- ids
    customer_id,
    account_id,

    -- strings
    customer_name,
    email,
    country,
    currency,

    -- booleans
    is_deleted,

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

from standing
