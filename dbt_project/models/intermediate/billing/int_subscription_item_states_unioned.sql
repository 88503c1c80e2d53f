with

stripe_items as (

    select * from {{ ref('stg_stripe__subscription_items') }}

),

item_events as (

    select * from {{ ref('stg_stripe__subscription_events') }}

),

item_history as (

    select * from {{ ref('stg_files__subscription_items') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions_unioned') }}

),

batches as (

    select * from {{ ref('stg_ledger__batches') }}

),

history_starts as (

    select * from {{ ref('int_billing_history_starts') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

-- Stripe: what an event said, from the event on.
stated_by_events as (

    select
        item_id,
        subscription_id,
        customer_id,
        product_id,
        occurred_at as began_at,
        event_id as tie_breaker,
        -- Events have whole seconds: created, updated and deleted of one second follow
        -- each other in this order.
        case event_type
            when 'customer.subscription.created' then 40
            when 'customer.subscription.deleted' then 42
            else 41
        end as precedence,
        'event' as knowledge,
        false as is_gone,
        status,
        is_paused,
        currency,
        "interval" as billing_interval,
        interval_count,
        usage_type,
        unit_amount_minor,
        quantity,
        discount_percent,
        discount_amount_minor,
        discount_ends_at,
        trial_ends_at,
        canceled_at,
        cancel_at,
        ended_at,
        source_name,
        source_account,
        legal_entity

    from item_events

),

states_observed as (

    select
        item_id,
        subscription_created_at,
        source_name,
        source_account,
        legal_entity,
        unnest(observed_states) as observed

    from stripe_items

),

observed_items as (

    select
        * exclude (observed),
        -- The parts of the state become columns of their own names.
        unnest(observed)  -- noqa: AL03

    from states_observed

),

events_by_subscription as (

    select
        source_name,
        source_account,
        subscription_id,
        min(occurred_at) as first_event_at

    from item_events
    group by 1, 2, 3

),

-- Stripe: what a nightly extract saw, from the extract on, never before. The one
-- exception is proven by the event log: what the very first extract saw and no event had
-- touched was already so when the log began.
stated_by_observations as (

    select
        observed_items.item_id,
        observed_items.subscription_id,
        observed_items.customer_id,
        observed_items.product_id,
        case
            when
                history_starts.has_history
                or observed_items.observed_at > history_starts.first_observed_at
                or events_by_subscription.first_event_at <= observed_items.observed_at
                then observed_items.observed_at
            else
                greatest(
                    history_starts.events_reach_back_to,
                    observed_items.subscription_created_at
                )
        end as began_at,
        cast(null as varchar) as tie_breaker,
        30 as precedence,
        'observation' as knowledge,
        false as is_gone,
        observed_items.status,
        observed_items.is_paused,
        observed_items.currency,
        observed_items."interval" as billing_interval,
        observed_items.interval_count,
        observed_items.usage_type,
        observed_items.unit_amount_minor,
        observed_items.quantity,
        observed_items.discount_percent,
        observed_items.discount_amount_minor,
        observed_items.discount_ends_at,
        observed_items.trial_ends_at,
        observed_items.canceled_at,
        observed_items.cancel_at,
        observed_items.ended_at,
        observed_items.source_name,
        observed_items.source_account,
        observed_items.legal_entity

    from observed_items
    left join history_starts
        on observed_items.source_name = history_starts.source_name
    left join events_by_subscription
        on
            observed_items.source_name = events_by_subscription.source_name
            and observed_items.source_account = events_by_subscription.source_account
            and observed_items.subscription_id = events_by_subscription.subscription_id

),

stripe_states as (

    select * from stated_by_events
    union all
    select * from stated_by_observations

),

-- An item taken off its subscription sends no event of its own: it is missing from the
-- next event of the subscription …
events_of_subscriptions as (

    select distinct
        source_name,
        source_account,
        subscription_id,
        event_id,
        occurred_at

    from item_events

),

items_first_stated as (

    select
        source_name,
        source_account,
        item_id,
        subscription_id,
        min(legal_entity) as legal_entity,
        min(began_at) as first_stated_at

    from stripe_states
    group by 1, 2, 3, 4

),

removed_by_events as (

    select
        items_first_stated.source_name,
        items_first_stated.source_account,
        items_first_stated.legal_entity,
        items_first_stated.item_id,
        items_first_stated.subscription_id,
        events_of_subscriptions.occurred_at as began_at,
        41 as precedence,
        'event' as knowledge

    from events_of_subscriptions
    inner join items_first_stated
        on
            events_of_subscriptions.source_name = items_first_stated.source_name
            and events_of_subscriptions.source_account
            = items_first_stated.source_account
            and events_of_subscriptions.subscription_id
            = items_first_stated.subscription_id
            and events_of_subscriptions.occurred_at > items_first_stated.first_stated_at
    anti join item_events
        on
            events_of_subscriptions.source_name = item_events.source_name
            and events_of_subscriptions.source_account = item_events.source_account
            and events_of_subscriptions.event_id = item_events.event_id
            and items_first_stated.item_id = item_events.item_id

),

-- … or from the next complete extract.
complete_extracts as (

    select
        source_name,
        source_account,
        extracted_at

    from batches
    where
        kind = 'stripe'
        and entity = 'subscription_items'
        and is_full_list

),

items_last_observed as (

    select
        source_name,
        source_account,
        item_id,
        subscription_id,
        min(legal_entity) as legal_entity,
        max(_extracted_at) as last_observed_at

    from stripe_items
    group by 1, 2, 3, 4

),

removed_by_observations as (

    select
        items_last_observed.source_name,
        items_last_observed.source_account,
        items_last_observed.legal_entity,
        items_last_observed.item_id,
        items_last_observed.subscription_id,
        min(complete_extracts.extracted_at) as began_at,
        30 as precedence,
        'observation' as knowledge

    from items_last_observed
    inner join complete_extracts
        on
            items_last_observed.source_name = complete_extracts.source_name
            and items_last_observed.source_account = complete_extracts.source_account
            and items_last_observed.last_observed_at < complete_extracts.extracted_at
    group by 1, 2, 3, 4, 5

),

removals as (

    select * from removed_by_events
    union all
    select * from removed_by_observations

),

-- Files: states with their own validity, a company's own history or a one-time export of
-- a vendor's. The states of one item follow each other, so a state's end speaks only
-- where no other begins.
history_states as (

    select
        item_history.*,
        {{ record_key('item_history.item_id', 'item_history.source_name') }}
            as item_key,
        coalesce(
            {{ record_key('item_history.customer_id', 'item_history.source_name') }},
            subscriptions.customer_id
        ) as customer_key,
        {{ record_key('item_history.subscription_id', 'item_history.source_name') }}
            as subscription_key,
        -- A file without a status per state describes states that are in force; only a
        -- subscription that never started is known to be out throughout.
        coalesce(
            item_history.status,
            case when subscriptions.status = 'incomplete' then 'incomplete' end,
            'active'
        ) as state_status,
        coalesce(item_history.trial_ends_at, subscriptions.trial_ends_at)
            as state_trial_ends_at,
        subscriptions.canceled_at,
        subscriptions.ended_at

    from item_history
    left join subscriptions
        on
            {{ record_key('item_history.subscription_id', 'item_history.source_name') }}
            = subscriptions.subscription_id

),

states_stacked as (

    select
        {{ record_key('stripe_states.item_id', 'stripe_states.source_name') }} as item_id,
        {{ record_key('stripe_states.subscription_id', 'stripe_states.source_name') }}
            as subscription_id,
        {{ record_key('stripe_states.customer_id', 'stripe_states.source_name') }}
            as customer_id,
        {{ record_key('stripe_states.product_id', 'stripe_states.source_name') }}
            as source_product_key,
        stripe_states.began_at,
        stripe_states.tie_breaker,
        stripe_states.precedence,
        stripe_states.knowledge,
        stripe_states.is_gone,
        case
            when
                stripe_states.is_paused
                and stripe_states.status in ('active', 'past_due')
                then 'paused'
            when stripe_states.status = 'incomplete_expired' then 'canceled'
            else stripe_states.status
        end as status,
        {{ to_major_units(
            'stripe_states.unit_amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as unit_price_amount,
        stripe_states.currency,
        cast(stripe_states.quantity as decimal(38, 6)) as quantity,
        stripe_states.billing_interval,
        stripe_states.interval_count,
        stripe_states.usage_type,
        stripe_states.discount_percent,
        {{ to_major_units(
            'stripe_states.discount_amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as discount_amount,
        'subscription' as discount_scope,
        stripe_states.discount_ends_at,
        stripe_states.trial_ends_at,
        stripe_states.canceled_at,
        stripe_states.cancel_at,
        stripe_states.ended_at,
        stripe_states.source_name,
        stripe_states.source_account,
        stripe_states.legal_entity

    from stripe_states
    left join currency_exponents
        on stripe_states.currency = currency_exponents.currency

    union all

    select
        {{ record_key('removals.item_id', 'removals.source_name') }} as item_id,
        {{ record_key('removals.subscription_id', 'removals.source_name') }}
            as subscription_id,
        cast(null as varchar) as customer_id,
        cast(null as varchar) as source_product_key,
        removals.began_at,
        cast(null as varchar) as tie_breaker,
        removals.precedence,
        removals.knowledge,
        true as is_gone,
        cast(null as varchar) as status,
        cast(null as decimal(38, 4)) as unit_price_amount,
        cast(null as varchar) as currency,
        cast(null as decimal(38, 6)) as quantity,
        cast(null as varchar) as billing_interval,
        cast(null as bigint) as interval_count,
        cast(null as varchar) as usage_type,
        cast(null as decimal(38, 6)) as discount_percent,
        cast(null as decimal(38, 4)) as discount_amount,
        cast(null as varchar) as discount_scope,
        cast(null as timestamptz) as discount_ends_at,
        cast(null as timestamptz) as trial_ends_at,
        cast(null as timestamptz) as canceled_at,
        cast(null as timestamptz) as cancel_at,
        cast(null as timestamptz) as ended_at,
        removals.source_name,
        removals.source_account,
        removals.legal_entity

    from removals

    union all

    select
        item_key as item_id,
        subscription_key as subscription_id,
        customer_key as customer_id,
        {{ record_key('product_id') }} as source_product_key,
        valid_from as began_at,
        cast(null as varchar) as tie_breaker,
        20 as precedence,
        'history' as knowledge,
        false as is_gone,
        state_status as status,
        unit_price as unit_price_amount,
        currency,
        quantity,
        "interval" as billing_interval,
        interval_count,
        coalesce(usage_type, 'licensed') as usage_type,
        discount_percent,
        discount_amount,
        'item' as discount_scope,
        discount_ends_at,
        state_trial_ends_at as trial_ends_at,
        canceled_at,
        cancel_at,
        ended_at,
        source_name,
        source_account,
        legal_entity

    from history_states

    union all

    select
        item_key as item_id,
        subscription_key as subscription_id,
        cast(null as varchar) as customer_id,
        cast(null as varchar) as source_product_key,
        valid_to as began_at,
        cast(null as varchar) as tie_breaker,
        10 as precedence,
        'history' as knowledge,
        true as is_gone,
        cast(null as varchar) as status,
        cast(null as decimal(38, 4)) as unit_price_amount,
        cast(null as varchar) as currency,
        cast(null as decimal(38, 6)) as quantity,
        cast(null as varchar) as billing_interval,
        cast(null as bigint) as interval_count,
        cast(null as varchar) as usage_type,
        cast(null as decimal(38, 6)) as discount_percent,
        cast(null as decimal(38, 4)) as discount_amount,
        cast(null as varchar) as discount_scope,
        cast(null as timestamptz) as discount_ends_at,
        cast(null as timestamptz) as trial_ends_at,
        cast(null as timestamptz) as canceled_at,
        cast(null as timestamptz) as cancel_at,
        cast(null as timestamptz) as ended_at,
        source_name,
        source_account,
        legal_entity

    from history_states
    where valid_to is not null

)

select * from states_stacked
where began_at < {{ as_of_end() }}
