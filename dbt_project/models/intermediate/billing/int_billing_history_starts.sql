with

batches as (

    select * from {{ ref('stg_ledger__batches') }}

),

item_events as (

    select * from {{ ref('stg_stripe__subscription_events') }}

),

sources_listed as (

    select
        source_name,
        bool_or(kind = 'files') as has_history,
        min(extracted_at) filter (where kind = 'stripe') as first_observed_at

    from batches
    where entity = 'subscription_items'
    group by 1

),

subscriptions_first_event as (

    select
        source_name,
        subscription_id,
        min(occurred_at) as first_event_at,
        min_by(event_type, occurred_at) as first_event_type

    from item_events
    group by 1, 2

),

-- Before its first event a subscription is unknown, unless that event created it.
last_unknown_instants as (

    select
        sources_listed.source_name,
        max(subscriptions_first_event.first_event_at) as unknown_until

    from sources_listed
    inner join subscriptions_first_event
        on
            sources_listed.source_name = subscriptions_first_event.source_name
            and sources_listed.first_observed_at
            >= subscriptions_first_event.first_event_at
            and subscriptions_first_event.first_event_type
            <> 'customer.subscription.created'
    group by 1

),

-- A source whose subscription history was exported, or whose files carry their own
-- validity, is known from its beginning. Stripe alone is known as far back as its event
-- log reaches (30 days): what no event touched has not changed since.
history_starts as (

    select
        sources_listed.source_name,
        sources_listed.has_history,
        sources_listed.first_observed_at,
        sources_listed.first_observed_at - interval 30 day as events_reach_back_to,
        case
            when sources_listed.has_history then date '0001-01-01'
            else
                {{ report_date('''greatest(
                    sources_listed.first_observed_at - interval 30 day,
                    last_unknown_instants.unknown_until
                )''') }}
        end as known_from_date

    from sources_listed
    left join last_unknown_instants
        on sources_listed.source_name = last_unknown_instants.source_name

)

select * from history_starts
