with

priced_items as (

    select * from {{ mrr_priced() }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

billing_sources as (

    select * from {{ ref('dim_billing_sources') }}

),

-- A stock is taken at the end of the day: what began on the day counts, what ended on it
-- does not; an end at midnight belongs to the day that begins.
terms as (

    select
        priced_items.item_id,
        priced_items.paid_from,
        priced_items.subscription_id,
        priced_items.customer_id,
        priced_items.product_id,
        priced_items.currency,
        priced_items.source_name,
        priced_items.legal_entity,
        coalesce(customers.segment, '(unknown)') as segment,
        coalesce(customers.closing_rep_id, '(unknown)') as rep_id,
        greatest(priced_items.paid_from_date, billing_sources.known_from_date) as first_date,
        coalesce(priced_items.paid_to_date - 1, date '9999-12-31') as last_date,
        priced_items.mrr_amount,
        priced_items.list_mrr_amount,
        priced_items.quantity,
        priced_items.history_basis

    from priced_items
    inner join billing_sources
        on priced_items.source_name = billing_sources.source_name
    left join customers
        on priced_items.customer_id = customers.customer_id
    where priced_items.mrr_amount <> 0

)

select * from terms
where first_date <= last_date
