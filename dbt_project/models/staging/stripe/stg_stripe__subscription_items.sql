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

),

-- Every extract in which the item looked other than the time before: nightly observations
-- are the only history of an item Stripe sent no event about. Collected by item: a list over
-- a window is built anew for every row.
items_observed as (

    select
        source_name,
        source_account,
        item_id,
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
                cancel_at := cancel_at,
                ended_at := ended_at
            )
            order by _load_date, _extracted_at, _row_hash
        ) as observed_states

    from changes_marked
    where is_changed
    group by 1, 2, 3

),

items_newest as (

    select *
    from live
    {{ latest_version(['item_id']) }}

)

select
    -- ids
    items_newest.item_id,
    items_newest.subscription_id,
    items_newest.customer_id,
    items_newest.price_id,
    items_newest.product_id,
    items_newest.opportunity_id,

    -- strings
    items_newest.status,
    items_newest.currency,
    items_newest."interval",
    items_newest.usage_type,

    -- numerics
    items_newest.unit_amount_minor,
    items_newest.quantity,
    items_newest.interval_count,
    items_newest.discount_percent,
    items_newest.discount_amount_minor,

    -- booleans
    coalesce(items_newest.is_paused, false) as is_paused,

    -- timestamps
    items_newest.subscription_created_at,
    items_newest.started_at,
    items_newest.trial_ends_at,
    items_newest.canceled_at,
    items_newest.cancel_at,
    items_newest.ended_at,
    items_newest.discount_ends_at,

    items_observed.observed_states,

    -- load
    items_newest.source_name,
    items_newest.source_account,
    items_newest.legal_entity,
    items_newest._source_ref,
    items_newest._batch_id,
    items_newest._load_date,
    items_newest._extracted_at,
    items_newest._row_hash

from items_newest
inner join items_observed
    on
        items_newest.source_name = items_observed.source_name
        and items_newest.source_account = items_observed.source_account
        and items_newest.item_id = items_observed.item_id
