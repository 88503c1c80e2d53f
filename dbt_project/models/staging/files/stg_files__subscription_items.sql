with

standing as (

    {{ file_rows(
        'subscription_items',
        ['item_id', 'valid_from'],
        day=report_date('valid_from')
    ) }}

)

select
    -- ids
    item_id,
    subscription_id,
    customer_id,
    product_id,

    -- strings
    status,
    currency,
    "interval",
    usage_type,

    -- numerics
    unit_price,
    quantity,
    interval_count,
    discount_percent,
    discount_amount,

    -- timestamps
    valid_from,
    discount_ends_at,
    trial_ends_at,
    cancel_at,
    valid_to,

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
