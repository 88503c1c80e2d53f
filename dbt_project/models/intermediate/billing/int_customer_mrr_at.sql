with

priced_items as (

    select * from {{ ref('int_subscription_item_mrr_priced') }}

),

history_starts as (

    select * from {{ ref('int_billing_history_starts') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- Evaluating only the days a stock is asked for keeps the cost with the data and not with
-- the age of the company.
dates_asked as (

    select date_day
    from dates
    where is_stock_day

),

-- A stock is taken at the end of the day: what began on the day counts, what ended on it
-- does not; an end at midnight belongs to the day that begins.
mrr_by_product as (

    select
        priced_items.customer_id,
        priced_items.product_id,
        priced_items.currency,
        priced_items.source_name,
        priced_items.legal_entity,
        dates_asked.date_day,
        sum(priced_items.mrr_amount) as mrr_amount,
        sum(priced_items.list_mrr_amount) as list_mrr_amount,
        sum(priced_items.quantity) as quantity,
        count(distinct priced_items.subscription_id) as subscription_count,
        min(priced_items.history_basis) as history_basis

    from priced_items
    inner join dates_asked
        on
            priced_items.paid_from_date <= dates_asked.date_day
            and (
                priced_items.paid_to_date is null
                or priced_items.paid_to_date > dates_asked.date_day
            )
    where priced_items.mrr_amount > 0
    group by 1, 2, 3, 4, 5, 6

)

select mrr_by_product.*
from mrr_by_product
inner join history_starts
    on
        mrr_by_product.source_name = history_starts.source_name
        and mrr_by_product.date_day >= history_starts.known_from_date
