with

states as (

    select * from {{ ref('int_subscription_item_states_unioned') }}

),

-- One state per item and instant: what was learned later wins, an event before an
-- extract, an extract before an export.
states_by_instant as (

    select
        *,
        {{ surrogate_key([
            'is_gone',
            'subscription_id',
            'customer_id',
            'source_product_key',
            'status',
            'unit_price_amount',
            'currency',
            'quantity',
            'billing_interval',
            'interval_count',
            'usage_type',
            'discount_percent',
            'discount_amount',
            'discount_ends_at',
            'trial_ends_at',
            'canceled_at',
            'cancel_at',
            'ended_at',
        ]) }} as state_hash

    from states
    qualify row_number() over (
        partition by item_id, began_at
        order by precedence desc, is_gone asc, tie_breaker desc nulls last, state_hash asc
    ) = 1

),

-- The same state learned again is not a new state: it keeps the earlier beginning.
states_changed as (

    select *
    from states_by_instant
    qualify state_hash is distinct from lag(state_hash) over (
        partition by item_id
        order by began_at
    )

),

versions as (

    select
        item_id,
        subscription_id,
        customer_id,
        source_product_key,
        began_at as valid_from,
        lead(began_at) over (
            partition by item_id
            order by began_at
        ) as valid_to,
        status,
        unit_price_amount,
        currency,
        quantity,
        billing_interval,
        interval_count,
        usage_type,
        discount_percent,
        discount_amount,
        discount_scope,
        discount_ends_at,
        trial_ends_at,
        canceled_at,
        cancel_at,
        ended_at,
        knowledge,
        case when knowledge = 'observation' then 'reconstructed' else 'source_history' end
            as history_basis,
        is_gone,
        source_name,
        source_account,
        legal_entity

    from states_changed

)

select * exclude (is_gone) from versions
where not is_gone
