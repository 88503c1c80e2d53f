with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where event_type = 'invoice_line' and exclusion_reason is null

),

item_versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

products as (

    select * from {{ ref('int_billing_products_unioned') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

usage_products as (

    {{ metered_products('item_versions', 'products') }}
),

-- Lines of a subscription with a time of service. A change of plan gives the unused rest of the
-- old one back for the same time, so prorations count with their sign.
lines_recurring as (

    select
        revenue_events.*,
        {{ report_date('revenue_events.service_starts_at') }} as service_from,
        {{ report_date('revenue_events.service_ends_at') }} as service_to,
        {{ next_month_start(month_start('revenue_events.report_date')) }}
            as billing_month_ends_on

    from revenue_events
    left join usage_products
        on
            revenue_events.subscription_id = usage_products.subscription_id
            and revenue_events.product_id = usage_products.product_id
    where
        revenue_events.customer_id is not null
        and revenue_events.subscription_id is not null
        and {{ report_date('revenue_events.service_starts_at') }}
        < {{ report_date('revenue_events.service_ends_at') }}
        and (
            usage_products.product_id is null or '{{ policy("mrr_metered") }}' = 'include'
        )

),

lines_dated as (

    select
        *,
        {%- if policy('mrr_source') == 'charges_billed' %}
            -- All that was charged, in the month it was charged in.
            occurred_at as paid_from,
            report_date as paid_from_date,
            billing_month_ends_on as paid_to_date,
            net_amount as exact_amount,
            net_amount + coalesce(discount_amount, 0) as exact_list_amount
        {%- else %}
            service_starts_at as paid_from,
            service_from as paid_from_date,
            service_to as paid_to_date,
            {{ amount_per_month('net_amount', 'service_from', 'service_to') }} as exact_amount,
            {{ amount_per_month(
                'net_amount + coalesce(discount_amount, 0)', 'service_from', 'service_to'
            ) }} as exact_list_amount
        {%- endif %}

    from lines_recurring

)

select
    lines_dated.revenue_event_id as item_id,
    lines_dated.subscription_id,
    lines_dated.customer_id,
    lines_dated.paid_from,
    lines_dated.paid_from_date,
    lines_dated.paid_to_date,
    lines_dated.currency,
    {{ convert_money('lines_dated.exact_amount', '1', 'currency_exponents.exponent') }}
        as mrr_amount,
    {{ convert_money('lines_dated.exact_list_amount', '1', 'currency_exponents.exponent') }}
        as list_mrr_amount,
    lines_dated.quantity,
    'source_history' as history_basis,
    lines_dated.source_name,
    lines_dated.source_account,
    lines_dated.legal_entity,
    lines_dated.product_id

from lines_dated
left join currency_exponents
    on lines_dated.currency = currency_exponents.currency
