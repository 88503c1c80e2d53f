with

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

-- An order is one finalised invoice, credited to the rep of its largest line. A credit note
-- of an invoice no source delivered lowers revenue, but there is no order it belongs to.
orders as (

    select
        invoice_id,
        revenue_event_id,
        rep_id,
        team_id,
        department_id,
        segment,
        legal_entity

    from invoice_lines
    where event_type = 'invoice_line'
    qualify row_number() over (
        partition by invoice_id
        order by net_amount desc, revenue_event_id asc
    ) = 1

)

select
    invoice_lines.revenue_event_id,
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
    orders.rep_id as order_rep_id,
    orders.team_id as order_team_id,
    orders.department_id as order_department_id,
    orders.segment as order_segment,
    orders.legal_entity as order_legal_entity

from invoice_lines
left join orders
    on invoice_lines.invoice_id = orders.invoice_id
