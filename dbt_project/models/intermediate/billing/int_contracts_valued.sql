with

priced_items as (

    select * from {{ ref('int_subscription_item_mrr_priced') }}

),

item_versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions_unioned') }}

),

subscription_opportunities as (

    select * from {{ ref('int_subscription_opportunities_linked') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

history_starts as (

    select * from {{ ref('int_billing_history_starts') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

-- A contract begins when something is to be paid: after its trial.
contract_starts as (

    select
        subscription_id,
        min(paid_from) as starts_at

    from priced_items
    where list_mrr_amount > 0
    group by 1

),

-- What began before billing is known began on terms nobody knows.
contracts_known as (

    select
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.source_name,
        subscriptions.legal_entity,
        subscriptions._source_ref,
        subscriptions._batch_id,
        contract_starts.starts_at,
        subscription_opportunities.opportunity_id,
        opportunities.term_months

    from subscriptions
    inner join contract_starts
        on subscriptions.subscription_id = contract_starts.subscription_id
    inner join history_starts
        on subscriptions.source_name = history_starts.source_name
    left join subscription_opportunities
        on subscriptions.subscription_id = subscription_opportunities.subscription_id
    left join opportunities
        on subscription_opportunities.opportunity_id = opportunities.opportunity_id
    where
        {{ report_date('coalesce(subscriptions.started_at, contract_starts.starts_at)') }}
        >= history_starts.known_from_date

),

-- Items as they stood when the contract began; usage is not known beforehand.
items as (

    select
        contracts_known.*,
        item_versions.item_id,
        item_versions.currency,
        item_versions.discount_scope,
        item_versions.discount_percent,
        item_versions.discount_amount,
        item_versions.discount_ends_at,
        item_versions.billing_interval,
        item_versions.interval_count,
        currency_exponents.exponent,
        item_versions.unit_price_amount * item_versions.quantity as period_amount,
        case item_versions.billing_interval when 'year' then 12 else 1 end
        * item_versions.interval_count as period_months,
        case item_versions.billing_interval when 'week' then 7 else 1 end
        * item_versions.interval_count as period_days,
        item_versions.billing_interval in ('month', 'year') as is_by_month

    from contracts_known
    inner join item_versions
        on
            contracts_known.subscription_id = item_versions.subscription_id
            and contracts_known.starts_at >= item_versions.valid_from
            and (
                item_versions.valid_to is null
                or contracts_known.starts_at < item_versions.valid_to
            )
    left join currency_exponents
        on item_versions.currency = currency_exponents.currency
    where item_versions.usage_type = 'licensed'

),

-- Whole billing periods: every one that begins within the term is billed. A year is 52 weeks
-- or 365 days, as in MRR; without a term a contract is its first period.
items_termed as (

    select
        *,
        case
            when term_months is null then 1
            when is_by_month then (term_months + period_months - 1) // period_months
            when billing_interval = 'week'
                then (term_months * 52 + 12 * interval_count - 1) // (12 * interval_count)
            else (term_months * 365 + 12 * interval_count - 1) // (12 * interval_count)
        end as periods,
        date_diff('month', starts_at, discount_ends_at)
        + cast(
            starts_at
            + to_months(cast(date_diff('month', starts_at, discount_ends_at) as integer))
            < discount_ends_at
            as integer
        ) as discount_months,
        greatest(date_diff('day', starts_at, discount_ends_at), 1) as discount_days

    from items

),

items_discounted as (

    select
        *,
        case
            when discount_percent is null and discount_amount is null then 0
            when discount_ends_at is null then periods
            when discount_ends_at <= starts_at then 0
            when is_by_month
                then least(
                    periods, (discount_months + period_months - 1) // period_months
                )
            else least(periods, (discount_days + period_days - 1) // period_days)
        end as discounted_periods

    from items_termed

),

-- Each period's invoice rounds a percentage for itself; an amount is the item's own, or comes
-- off the invoice once, whatever its items.
items_valued as (

    select
        *,
        periods * period_amount
        - discounted_periods * (
            coalesce(
                {{ convert_money('period_amount', 'discount_percent * 0.01', 'exponent') }},
                0
            )
            + case
                when discount_scope = 'item' then coalesce(discount_amount, 0)
                else 0
            end
        ) as item_amount,
        case
            when discount_scope = 'item' then 0
            else discounted_periods * coalesce(discount_amount, 0)
        end as shared_discount_amount

    from items_discounted

),

contracts as (

    select
        subscription_id,
        customer_id,
        opportunity_id,
        source_name,
        legal_entity,
        currency,
        starts_at,
        {{ report_date('starts_at') }} as starts_on,
        term_months,
        cast(
            greatest(sum(item_amount) - max(shared_discount_amount), 0) as decimal(38, 4)
        ) as contract_amount,
        _source_ref,
        _batch_id

    from items_valued
    group by all

)

select * from contracts
