with

live as (

    {{ live_rows('stripe', 'subscription_items') }}

),

changes_marked as (

    select
        *,
        coalesce(
            _row_hash <> lag(_row_hash) over (
                partition by source_name, source_account, item_id
                order by _load_date, _extracted_at, _row_hash
            ),
            true
        ) as is_changed

    from live

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

    -- Every extract in which the item looked other than the time before: nightly
    -- observations are the only history of an item Stripe sent no event about.
    list(
        struct_pack(
            observed_at := _extracted_at,
            subscription_id := subscription_id,
            customer_id := customer_id,
            product_id := product_id,
            status := status,
            is_paused := coalesce(is_paused, false),
            currency := currency,
            "interval" := "interval",
            interval_count := interval_count,
            usage_type := usage_type,
            unit_amount_minor := unit_amount_minor,
            quantity := quantity,
            discount_percent := discount_percent,
            discount_amount_minor := discount_amount_minor,
            discount_ends_at := discount_ends_at,
            trial_ends_at := trial_ends_at,
            canceled_at := canceled_at,
            ended_at := ended_at
        )
    ) filter (where is_changed) over (
        partition by source_name, source_account, item_id
        order by _load_date, _extracted_at, _row_hash
        rows between unbounded preceding and unbounded following
    ) as observed_states,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from changes_marked
{{ latest_version(['item_id']) }}
