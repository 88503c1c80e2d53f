with

stripe_items as (

    select * from {{ ref('stg_stripe__subscription_items') }}

),

file_subscriptions as (

    select * from {{ ref('stg_files__subscriptions') }}

),

-- Stripe delivers a subscription with each of its items; the newest extract speaks.
stripe_subscriptions as (

    select *
    from stripe_items
    qualify row_number() over (
        partition by source_name, source_account, subscription_id
        order by _extracted_at desc, item_id asc
    ) = 1

),

subscriptions_stacked as (

    select
        subscription_id,
        customer_id,
        opportunity_id,
        case status when 'incomplete_expired' then 'canceled' else status end as status,
        currency,
        started_at,
        trial_ends_at,
        canceled_at,
        ended_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        1 as precedence

    from stripe_subscriptions

    union all

    select
        subscription_id,
        customer_id,
        opportunity_id,
        status,
        currency,
        started_at,
        trial_ends_at,
        canceled_at,
        ended_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_subscriptions

),

subscriptions_keyed as (

    select
        {{ record_key('subscription_id') }} as subscription_id,
        {{ record_key('customer_id') }} as customer_id,
        opportunity_id as source_opportunity_id,
        status,
        currency,
        started_at,
        trial_ends_at,
        canceled_at,
        ended_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from subscriptions_stacked
    where coalesce(started_at < {{ as_of_end() }}, true)
    qualify row_number() over (
        partition by source_name, subscription_id
        order by precedence, source_account
    ) = 1

)

select * from subscriptions_keyed
