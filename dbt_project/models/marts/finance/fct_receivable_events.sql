with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where exclusion_reason is null

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}
    where status not in ('draft', 'void')

),

cash_transactions as (

    select * from {{ ref('fct_cash_transactions') }}

),

uncredited_refunds as (

    select * from {{ ref('int_refunds_uncredited') }}

),

-- Lines say what is owed; an invoice without lines says it itself.
documents as (

    select
        coalesce(revenue_events.invoice_id, revenue_events.revenue_event_id) as receivable_id,
        revenue_events.invoice_id,
        revenue_events.customer_id,
        revenue_events.legal_entity,
        revenue_events.currency,
        revenue_events.report_date as event_date,
        revenue_events.event_type,
        revenue_events.net_amount,
        -- No tax stated is none charged.
        coalesce(revenue_events.tax_amount, 0) as tax_amount,
        revenue_events.revenue_event_id as event_id

    from revenue_events

),

events_stacked as (

    {%- for event_type, amount, of_type in [
        ('billed', 'net_amount', 'invoice_line'),
        ('tax', 'tax_amount', 'invoice_line'),
        ('credited', 'net_amount + tax_amount', 'credit_note'),
    ] %}
        select
            receivable_id,
            invoice_id,
            customer_id,
            legal_entity,
            currency,
            event_date,
            '{{ event_type }}' as event_type,
            {{ amount }} as amount,
            event_id

        from documents
        where event_type = '{{ of_type }}'
        union all
    {%- endfor %}
    -- The refund is cash below; what it gave back is not owed again.
    select
        uncredited_refunds.invoice_id as receivable_id,
        uncredited_refunds.invoice_id,
        invoices.customer_id,
        invoices.legal_entity,
        uncredited_refunds.currency,
        uncredited_refunds.credited_date as event_date,
        'credited' as event_type,
        -uncredited_refunds.gross_amount as amount,
        'refund:' || uncredited_refunds.refund_id as event_id

    from uncredited_refunds
    inner join invoices
        on uncredited_refunds.invoice_id = invoices.invoice_id
    union all
    -- Money nobody can match to an invoice stands for itself: it is owed back, or not yet matched.
    select
        coalesce(invoice_id, cash_transaction_id) as receivable_id,
        invoice_id,
        customer_id,
        legal_entity,
        currency,
        report_date as event_date,
        'cash' as event_type,
        -amount as amount,
        cash_transaction_id as event_id

    from cash_transactions

),

-- Written off: what was still owed on the day, while the invoice stands as uncollectible.
written_off as (

    select
        events_stacked.receivable_id,
        events_stacked.currency,
        {{ report_date('invoices.uncollectible_at') }} as event_date,
        sum(events_stacked.amount) as owed_amount,
        any_value(events_stacked.customer_id) as customer_id,
        any_value(events_stacked.legal_entity) as legal_entity

    from events_stacked
    inner join invoices
        on
            events_stacked.receivable_id = invoices.invoice_id
            and invoices.status = 'uncollectible'
            and {{ report_date('invoices.uncollectible_at') }} >= events_stacked.event_date
    group by 1, 2, 3

)

select
    receivable_id,
    invoice_id,
    customer_id,
    legal_entity,
    currency,
    event_date,
    event_type,
    amount,
    event_id

from events_stacked
where amount <> 0 and event_date <= {{ as_of_date() }}
union all
select
    receivable_id,
    receivable_id as invoice_id,
    customer_id,
    legal_entity,
    currency,
    event_date,
    'written_off' as event_type,
    -owed_amount as amount,
    'written_off:' || receivable_id as event_id

from written_off
where owed_amount <> 0
