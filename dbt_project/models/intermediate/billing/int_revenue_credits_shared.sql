with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where exclusion_reason is null

),

credit_note_lines as (

    select * from {{ ref('stg_files__credit_note_lines') }}

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
        revenue_event_id as credit_id,
        source_key as credit_note_id,
        invoice_id,
        report_date as credited_date,
        currency,
        -net_amount as net_amount

    from revenue_events
    where event_type = 'credit_note'

),

note_lines as (

    select
        'credit_note:' || {{ record_key('credit_note_id') }} as credit_id,
        'line:' || {{ record_key('invoice_line_id') }} as revenue_event_id,
        sum(amount) as net_amount

    from credit_note_lines
    where invoice_line_id is not null
    group by 1, 2

),

-- Lines a credit note names carry what it says of them, where the invoice has them; the rest of
-- the note, all of it where it names none, is shared by the invoice.
note_lines_found as (

    select note_lines.*
    from note_lines
    semi join revenue_events
        on note_lines.revenue_event_id = revenue_events.revenue_event_id

),

note_lines_summed as (

    select
        credit_id,
        sum(net_amount) as net_amount

    from note_lines_found
    group by 1

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

),

credits as (

    select
        notes.credit_id,
        'credit_note' as credit_type,
        notes.invoice_id,
        cast(null as varchar) as revenue_event_id,
        notes.credited_date,
        notes.currency,
        notes.net_amount - coalesce(note_lines_summed.net_amount, 0) as net_amount

    from notes
    left join note_lines_summed
        on notes.credit_id = note_lines_summed.credit_id
    union all
    select
        notes.credit_id,
        'credit_note' as credit_type,
        notes.invoice_id,
        note_lines_found.revenue_event_id,
        notes.credited_date,
        notes.currency,
        note_lines_found.net_amount

    from note_lines_found
    inner join notes
        on note_lines_found.credit_id = notes.credit_id
    union all
    -- Tax is no revenue: the refund's part of it is taken out as the invoice has it.
    select
        'refund:' || refunds_uncredited.refund_id as credit_id,
        'refund' as credit_type,
        refunds_uncredited.invoice_id,
        cast(null as varchar) as revenue_event_id,
        refunds_uncredited.credited_date,
        refunds_uncredited.currency,
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

),

-- A line of a plan change that gave something back is no service to take more from.
lines_charged as (

    select
        revenue_events.revenue_event_id,
        revenue_events.invoice_id,
        {{ to_minor_units('revenue_events.net_amount', 'currency_exponents.exponent') }}
            as line_units

    from revenue_events
    inner join currency_exponents
        on revenue_events.currency = currency_exponents.currency
    where revenue_events.event_type = 'invoice_line' and revenue_events.net_amount > 0

),

invoices_charged as (

    select
        invoice_id,
        sum(line_units) as invoice_units

    from lines_charged
    where line_units > 0
    group by 1

),

credits_counted as (

    select
        credits.*,
        currency_exponents.exponent,
        {{ to_minor_units('credits.net_amount', 'currency_exponents.exponent') }}
            as credit_units

    from credits
    inner join currency_exponents
        on credits.currency = currency_exponents.currency
    where credits.net_amount <> 0

),

credits_split as (

    select
        credits_counted.credit_id,
        credits_counted.credit_type,
        lines_charged.revenue_event_id,
        credits_counted.credited_date,
        credits_counted.exponent,
        {{ split_units(
            'credits_counted.credit_units',
            'lines_charged.line_units',
            'invoices_charged.invoice_units',
            'credits_counted.credit_id',
            'lines_charged.revenue_event_id',
        ) }} as credit_units

    from credits_counted
    inner join invoices_charged
        on credits_counted.invoice_id = invoices_charged.invoice_id
    inner join lines_charged
        on
            credits_counted.invoice_id = lines_charged.invoice_id
            and lines_charged.line_units > 0
    where credits_counted.revenue_event_id is null
    union all
    select
        credit_id,
        credit_type,
        revenue_event_id,
        credited_date,
        exponent,
        credit_units

    from credits_counted
    where revenue_event_id is not null
    union all
    -- A note of an invoice nobody delivered is an event of its own, taken off on its day.
    select
        credits_counted.credit_id,
        credits_counted.credit_type,
        credits_counted.credit_id as revenue_event_id,
        credits_counted.credited_date,
        credits_counted.exponent,
        credits_counted.credit_units

    from credits_counted
    anti join invoices_charged
        on credits_counted.invoice_id = invoices_charged.invoice_id
    where
        credits_counted.revenue_event_id is null
        and credits_counted.credit_type = 'credit_note'

)

select
    credit_id,
    revenue_event_id,
    any_value(credit_type) as credit_type,
    any_value(credited_date) as credited_date,
    sum(credit_units) as credit_units,
    cast({{ from_minor_units('sum(credit_units)', 'any_value(exponent)') }} as decimal(38, 4))
        as credit_amount

from credits_split
group by 1, 2
having sum(credit_units) <> 0
