with

live as (

    {{ live_rows('stripe', 'subscription_events') }}

)

select
    -- ids
    event_id,
    item_id,
    subscription_id,
    customer_id,
    price_id,
    product_id,
    opportunity_id,

    -- strings
    event_type,
    status,
    currency,
    "interval",
    usage_type,

    -- numerics
    unit_amount_minor,
    quantity,
    interval_count,
    discount_percent,
    discount_amount_minor,

    -- booleans
    coalesce(is_paused, false) as is_paused,

    -- timestamps
    occurred_at,
    started_at,
    trial_ends_at,
    canceled_at,
    cancel_at,
    ended_at,
    discount_ends_at,

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
{{ latest_version(['event_id', 'item_id']) }}
