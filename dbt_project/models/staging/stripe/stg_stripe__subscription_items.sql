with

live as (

    {{ live_rows('stripe', 'subscription_items') }}

)

select
    -- ids
    item_id,
    subscription_id,
    customer_id,
    price_id,
    product_id,
    opportunity_id,

    -- strings
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
    subscription_created_at,
    started_at,
    trial_ends_at,
    canceled_at,
    cancel_at,
    ended_at,
    discount_ends_at,
    _extracted_at as observed_at,
    max(_extracted_at) over (
        partition by source_name, source_account, item_id
    ) as last_observed_at,

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
-- Every observation that differs from the one before it is kept, not only the newest:
-- nightly observations are the only history of an item Stripe sent no event about.
qualify _row_hash is distinct from lag(_row_hash) over (
    partition by source_name, source_account, item_id
    order by _load_date, _extracted_at, _row_hash
)
