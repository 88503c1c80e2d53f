with

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}
    where event_type = 'invoice_line' and customer_id <> '(unknown)'

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_order

),

paid_invoices as (

    select * from {{ ref('int_invoices_unioned') }}
    where status = 'paid'

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- An invoice of 0 is a trial's end, not a purchase.
orders as (

    select
        invoice_lines.invoice_id,
        invoice_lines.customer_id,
        invoice_lines.report_date as ordered_date

    from invoice_lines
    semi join paid_invoices
        on invoice_lines.invoice_id = paid_invoices.invoice_id
    group by 1, 2, 3
    having sum(invoice_lines.net_amount) > 0

),

orders_numbered as (

    select
        orders.*,
        dates.month_start_date,
        dates.month_end_date + 1 as month_after_date,
        row_number() over (
            partition by orders.customer_id
            order by orders.ordered_date, orders.invoice_id
        ) as order_number,
        row_number() over (
            partition by orders.customer_id, dates.month_start_date
            order by orders.ordered_date, orders.invoice_id
        ) as number_in_month,
        lead(orders.ordered_date) over (
            partition by orders.customer_id
            order by orders.ordered_date, orders.invoice_id
        ) as next_ordered_date

    from orders
    inner join dates
        on orders.ordered_date = dates.date_day

)

select
    orders_numbered.invoice_id,
    orders_numbered.customer_id,
    orders_numbered.ordered_date,
    orders_numbered.order_number = 1 as is_first_order,
    orders_numbered.next_ordered_date,
    orders_numbered.number_in_month = 1 as is_first_of_month,
    orders_numbered.month_after_date,
    months_after.customer_id is not null as has_order_in_month_after,
    order_lines.order_segment as segment,
    order_lines.order_legal_entity as legal_entity

from orders_numbered
inner join order_lines
    on orders_numbered.invoice_id = order_lines.invoice_id
left join orders_numbered as months_after
    on
        orders_numbered.customer_id = months_after.customer_id
        and orders_numbered.month_after_date = months_after.month_start_date
        and months_after.number_in_month = 1
