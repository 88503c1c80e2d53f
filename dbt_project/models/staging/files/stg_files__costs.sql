with

standing as (

    {{ file_rows(
        'costs',
        ['month', 'cost_type', 'department', 'channel', 'product_id'],
        day='month'
    ) }}

)

select
    -- ids
    product_id,

    -- strings
    cost_type,
    department,
    channel,
    currency,

    -- numerics
    amount,

    -- dates
    month,

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
