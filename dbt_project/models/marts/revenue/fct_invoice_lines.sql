with

revenue_events as (

    select * from {{ ref('int_revenue_events_credited') }}
    where exclusion_reason is null

),

users_versioned as (

    select * from {{ ref('int_users_versioned') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where
        rate_purpose = 'flow'
        and to_currency = '{{ var("reporting_currency") }}'

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

lines as (

    select
        revenue_events.revenue_event_id,
        revenue_events.event_type,
        revenue_events.invoice_id,
        coalesce(revenue_events.customer_id, '(unknown)') as customer_id,
        revenue_events.subscription_id,
        coalesce(revenue_events.product_id, '(unknown)') as product_id,
        coalesce(revenue_events.rep_id, '(unknown)') as rep_id,
        coalesce(users_versioned.team_id, '(unknown)') as team_id,
        coalesce(users_versioned.department_id, '(unknown)') as department_id,
        coalesce(customers.segment, '(unknown)') as segment,
        revenue_events.legal_entity,
        revenue_events.source_name,
        revenue_events.source_account,
        revenue_events.report_date,
        revenue_events.occurred_at,
        revenue_events.quantity,
        revenue_events.currency,
        revenue_events.net_amount,
        revenue_events.discount_amount,
        revenue_events.tax_amount,
        revenue_events.is_proration,
        revenue_events.service_starts_at,
        revenue_events.service_ends_at,
        '{{ var("reporting_currency") }}' as reporting_currency,
        {{ convert_money(
            'revenue_events.net_amount', 'rates.rate', 'reporting_currencies.exponent'
        ) }} as reporting_net_amount,
        rates.rate as fx_rate,
        rates.source_rate_date as fx_rate_date,
        rates.rate_source as fx_rate_source,
        rates.batch_id as fx_batch_id,
        revenue_events._source_ref as source_ref,
        revenue_events._batch_id as batch_id,
        '{{ var("build_id") }}' as build_id

    from revenue_events
    left join rates
        on
            revenue_events.currency = rates.from_currency
            and revenue_events.report_date = rates.rate_date
    left join currencies as reporting_currencies
        on reporting_currencies.currency_id = '{{ var("reporting_currency") }}'
    left join customers
        on revenue_events.customer_id = customers.customer_id
    left join users_versioned
        on
            revenue_events.rep_id = users_versioned.user_id
            and revenue_events.report_date
            between users_versioned.credited_from and users_versioned.credited_to

)

select * from lines
