with

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

product_costs as (

    select
        product_id,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to,
        unit_cost,
        currency

    from {{ ref('stg_files__product_costs') }}
    -- A row holds until the next one begins, also where a file leaves valid_to open.
    qualify row_number() over (partition by product_id, valid_from order by source_name) = 1

),

product_costs_bounded as (

    select
        product_id,
        valid_from,
        least(
            valid_to,
            coalesce(
                lead(valid_from) over (partition by product_id order by valid_from) - 1,
                date '9999-12-31'
            )
        ) as last_valid_date,
        unit_cost,
        currency

    from product_costs

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

-- What is billed by use costs by use, however long the period it was used in.
metered_products as (

    select distinct products.product_id
    from products
    inner join item_versions
        on products.source_product_key = item_versions.source_product_key
    where item_versions.usage_type = 'metered'

),

lines_costed as (

    select
        invoice_lines.revenue_event_id,
        product_costs_bounded.currency as direct_cost_currency,
        currency_exponents.minor_unit_amount,
        cast(1000000 * currency_exponents.minor_unit_amount as hugeint)
            as minor_unit_millionths,
        -- A credit note takes revenue back and no cost: the service was rendered.
        cast(
            case
                when invoice_lines.event_type = 'credit_note' then 0
                else product_costs_bounded.unit_cost * abs(invoice_lines.quantity) * 1000000
            end
            as hugeint
        ) * (case when invoice_lines.net_amount < 0 then -1 else 1 end) as cost_millionths,
        -- Of a licence the unit is a month, 365/12 days long as in MRR.
        case
            when metered_products.product_id is null
                then
                    nullif(
                        {{ report_date('invoice_lines.service_ends_at') }}
                        - {{ report_date('invoice_lines.service_starts_at') }},
                        0
                    )
        end as service_days

    from invoice_lines
    inner join product_costs_bounded
        on
            invoice_lines.product_id = product_costs_bounded.product_id
            and invoice_lines.report_date
            between product_costs_bounded.valid_from and product_costs_bounded.last_valid_date
    inner join currency_exponents
        on product_costs_bounded.currency = currency_exponents.currency
    left join metered_products
        on invoice_lines.product_id = metered_products.product_id

),

direct_costs as (

    select
        revenue_event_id,
        direct_cost_currency,
        cast(
            case
                when service_days is null
                    then {{ round_ratio('cost_millionths', 'minor_unit_millionths') }}
                else
                    {{ round_ratio(
                        'cost_millionths * service_days * 12', 'minor_unit_millionths * 365'
                    ) }}
            end * minor_unit_amount
            as decimal(38, 4)
        ) as direct_cost_amount

    from lines_costed

),

invoices_summed as (

    select
        invoice_id,
        customer_id,
        report_date,
        sum(net_amount) as net_amount

    from invoice_lines
    where event_type = 'invoice_line' and customer_id <> '(unknown)'
    group by 1, 2, 3

),

-- What a customer bought first; an invoice of 0 is a trial's end, not a purchase.
first_orders as (

    select invoice_id
    from invoices_summed
    where net_amount > 0
    qualify row_number() over (
        partition by customer_id
        order by report_date, invoice_id
    ) = 1

),

-- An order is one finalised invoice, credited to the rep of its largest line, whose product it
-- is of, and of the channel its customer was won by. A credit note of an invoice no source
-- delivered lowers revenue, but there is no order it belongs to.
orders as (

    select
        invoice_lines.invoice_id,
        invoice_lines.revenue_event_id,
        invoice_lines.rep_id,
        invoice_lines.team_id,
        invoice_lines.department_id,
        invoice_lines.product_id,
        coalesce(customers.channel, '(unknown)') as channel,
        invoice_lines.segment,
        invoice_lines.legal_entity

    from invoice_lines
    left join customers
        on invoice_lines.customer_id = customers.customer_id
    where invoice_lines.event_type = 'invoice_line'
    qualify row_number() over (
        partition by invoice_lines.invoice_id
        order by invoice_lines.net_amount desc, invoice_lines.revenue_event_id asc
    ) = 1

)

select
    invoice_lines.revenue_event_id,
    invoice_lines.event_type,
    invoice_lines.invoice_id,
    invoice_lines.report_date,
    invoice_lines.currency,
    invoice_lines.net_amount,
    invoice_lines.rep_id,
    invoice_lines.team_id,
    invoice_lines.department_id,
    invoice_lines.product_id,
    invoice_lines.segment,
    invoice_lines.legal_entity,
    coalesce(invoice_lines.revenue_event_id = orders.revenue_event_id, false) as is_order,
    orders.invoice_id is not null as has_order,
    -- Given back in full: nothing is left of what was above 0.
    orders.invoice_id is not null
    and sum(invoice_lines.net_amount) over of_invoice <= 0
    and sum(invoice_lines.net_amount) filter (
        where invoice_lines.event_type = 'invoice_line'
    ) over of_invoice > 0 as is_refunded_order,
    orders.rep_id as order_rep_id,
    orders.team_id as order_team_id,
    orders.department_id as order_department_id,
    orders.product_id as order_product_id,
    orders.channel as order_channel,
    orders.segment as order_segment,
    orders.legal_entity as order_legal_entity,
    direct_costs.direct_cost_amount,
    direct_costs.direct_cost_currency,
    invoice_lines.event_type = 'invoice_line' and first_orders.invoice_id is not null
        as is_of_first_order

from invoice_lines
left join orders
    on invoice_lines.invoice_id = orders.invoice_id
left join direct_costs
    on invoice_lines.revenue_event_id = direct_costs.revenue_event_id
left join first_orders
    on invoice_lines.invoice_id = first_orders.invoice_id
window of_invoice as (partition by invoice_lines.invoice_id)
