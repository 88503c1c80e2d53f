{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'event_id', 'item_id'],
    post_hook="{{ remember_batches('stripe', 'subscription_events') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'subscription_events') }}

),

staged as (

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

    from landed

)

{{ newest_of('staged', ['event_id', 'item_id']) }}
