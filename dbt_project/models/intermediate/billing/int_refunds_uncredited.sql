with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where exclusion_reason is null and event_type = 'credit_note'

),

credit_notes as (

    select * from {{ ref('int_credit_notes_unioned') }}

),

refunds as (

    select * from {{ ref('int_refunds_unioned') }}
    where status = 'succeeded'

),

payments as (

    select * from {{ ref('int_payments_unioned') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

notes as (

    select
        source_key as credit_note_id,
        invoice_id,
        -net_amount as net_amount

    from revenue_events

),

notes_by_invoice as (

    select
        notes.invoice_id,
        sum(notes.net_amount + coalesce(credit_notes.tax_amount, 0)) as credited_amount

    from notes
    inner join credit_notes
        on notes.credit_note_id = credit_notes.credit_note_id
    -- A note that names its refund says itself which one it covers.
    where credit_notes.refund_id is null
    group by 1

),

payments_by_invoice as (

    select
        invoice_id,
        sum(amount) as paid_amount

    from payments
    where status = 'succeeded' and invoice_id is not null
    group by 1

),

notes_of_refunds as (

    select credit_notes.refund_id
    from credit_notes
    semi join notes
        on credit_notes.credit_note_id = notes.credit_note_id

),

refunds_invoiced as (

    select
        refunds.refund_id,
        coalesce(refunds.invoice_id, payments.invoice_id) as invoice_id,
        {{ report_date('refunds.refunded_at') }} as credited_date,
        refunds.currency,
        refunds.amount

    from refunds
    anti join notes_of_refunds
        on refunds.refund_id = notes_of_refunds.refund_id
    left join payments
        on refunds.payment_id = payments.payment_id

),

-- What was paid back beyond what credit notes took off and beyond what was paid twice lowers
-- revenue too: the money is gone, whether or not somebody wrote a note.
refunds_running as (

    select
        refunds_invoiced.*,
        invoices.total_amount,
        invoices.total_amount - coalesce(invoices.tax_amount, 0) as untaxed_amount,
        sum(refunds_invoiced.amount) over (
            partition by refunds_invoiced.invoice_id
            order by refunds_invoiced.credited_date, refunds_invoiced.refund_id
        ) as running_amount,
        coalesce(notes_by_invoice.credited_amount, 0)
        + greatest(
            coalesce(payments_by_invoice.paid_amount, 0) - invoices.total_amount, 0
        ) as covered_amount

    from refunds_invoiced
    inner join invoices
        on refunds_invoiced.invoice_id = invoices.invoice_id
    left join notes_by_invoice
        on refunds_invoiced.invoice_id = notes_by_invoice.invoice_id
    left join payments_by_invoice
        on refunds_invoiced.invoice_id = payments_by_invoice.invoice_id

),

refunds_uncredited as (

    select
        *,
        greatest(running_amount - covered_amount, 0)
        - greatest(running_amount - amount - covered_amount, 0) as uncovered_amount

    from refunds_running

)

-- Tax is no revenue: the refund's part of it is taken out as the invoice has it.
select
    refunds_uncredited.refund_id,
    refunds_uncredited.invoice_id,
    refunds_uncredited.credited_date,
    refunds_uncredited.currency,
    refunds_uncredited.uncovered_amount as gross_amount,
    cast(
        {{ from_minor_units(
            round_ratio(
                to_minor_units('refunds_uncredited.uncovered_amount', 4)
                ~ ' * ' ~ to_minor_units('refunds_uncredited.untaxed_amount', 4),
                to_minor_units('refunds_uncredited.total_amount', 4)
                ~ ' * cast(10000 * currency_exponents.minor_unit_amount as hugeint)'
            ),
            'currency_exponents.exponent'
        ) }}
        as decimal(38, 4)
    ) as net_amount

from refunds_uncredited
inner join currency_exponents
    on refunds_uncredited.currency = currency_exponents.currency
where refunds_uncredited.uncovered_amount > 0 and refunds_uncredited.total_amount > 0
