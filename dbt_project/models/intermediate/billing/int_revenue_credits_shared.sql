with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where
        exclusion_reason is null
        or (exclusion_reason = 'void_credit_note' and report_date <= {{ as_of_date() }})

),

credit_note_lines as (

    select * from {{ ref('stg_files__credit_note_lines') }}

),

refunds as (

    select * from {{ ref('int_refunds_uncredited') }}

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
        {{ report_date('event_voided_at') }} as voided_date,
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

credits as (

    select
        notes.credit_id,
        'credit_note' as credit_type,
        notes.invoice_id,
        cast(null as varchar) as revenue_event_id,
        notes.credited_date,
        notes.voided_date,
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
        notes.voided_date,
        notes.currency,
        note_lines_found.net_amount

    from note_lines_found
    inner join notes
        on note_lines_found.credit_id = notes.credit_id
    union all
    select
        'refund:' || refund_id as credit_id,
        'refund' as credit_type,
        invoice_id,
        cast(null as varchar) as revenue_event_id,
        credited_date,
        cast(null as date) as voided_date,
        currency,
        net_amount

    from refunds

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
        credits_counted.voided_date,
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
        voided_date,
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
        credits_counted.voided_date,
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
    any_value(voided_date) as voided_date,
    sum(credit_units) as credit_units,
    cast({{ from_minor_units('sum(credit_units)', 'any_value(exponent)') }} as decimal(38, 4))
        as credit_amount

from credits_split
group by 1, 2
having sum(credit_units) <> 0
