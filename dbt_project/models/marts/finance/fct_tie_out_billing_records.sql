with

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

voided_days as (

    select * from {{ ref('fct_tie_out_voided_days') }}

),

all_invoice_lines as (

    select * from {{ ref('int_invoice_lines_unioned') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

credit_notes as (

    select * from {{ ref('int_credit_notes_unioned') }}

),

payments as (

    select * from {{ ref('int_payments_unioned') }}
    where status = 'succeeded'

),

refunds as (

    select * from {{ ref('int_refunds_unioned') }}
    where status = 'succeeded'

),

mrr_steps as (

    select * from {{ ref('fct_mrr_to_billings') }}

),

disputes as (

    select * from {{ ref('int_disputes_unioned') }}

),

bank_transfers as (

    select * from {{ ref('int_bank_transactions_linked') }}
    where invoice_id is not null

),

provider_transactions as (

    select * from {{ ref('int_ledger_transactions_unioned') }}

),

-- What was billed, and the tax on it, as the KPIs count them. A document voided later is no
-- revenue of any month, but the ledger books it and takes it back: `expected_amount` is what
-- the other side books on that day by its own rules.
billed as (

    select
        legal_entity,
        currency,
        report_date as occurred_date,
        case event_type
            when 'credit_note' then substr(revenue_event_id, length('credit_note:') + 1)
            else invoice_id
        end as reference,
        event_type as record_type,
        revenue_event_id as record_id,
        net_amount as amount,
        net_amount as expected_amount,
        tax_amount,
        tax_amount as expected_tax_amount,
        source_ref,
        batch_id

    from invoice_lines

),

revenue_documents as (

    select * from billed

    union all

    select
        legal_entity,
        currency,
        occurred_date,
        reference,
        'voided' as record_type,
        record_id,
        cast(0 as decimal(38, 4)) as amount,
        direction * net_amount as expected_amount,
        cast(0 as decimal(38, 4)) as tax_amount,
        direction * tax_amount as expected_tax_amount,
        source_ref,
        batch_id

    from voided_days

),

invoice_payments as (

    select
        invoice_id,
        sum(amount) as paid_amount

    from payments
    where invoice_id is not null
    group by 1

),

written_off as (

    select
        invoices.legal_entity,
        invoices.currency,
        {{ report_date('invoices.uncollectible_at') }} as occurred_date,
        invoices.invoice_id as reference,
        'invoice' as record_type,
        invoices.invoice_id as record_id,
        invoices.total_amount - coalesce(invoice_payments.paid_amount, 0) as amount,
        invoices._source_ref as source_ref,
        invoices._batch_id as batch_id

    from invoices
    left join invoice_payments
        on invoices.invoice_id = invoice_payments.invoice_id
    where invoices.status = 'uncollectible' and invoices.uncollectible_at is not null

),

receivable_movements as (

    select
        legal_entity,
        currency,
        {{ report_date('finalized_at') }} as occurred_date,
        invoice_id as reference,
        'invoice' as record_type,
        invoice_id as record_id,
        total_amount as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from invoices
    where finalized_at is not null

    union all

    select
        legal_entity,
        currency,
        {{ report_date('voided_at') }} as occurred_date,
        invoice_id as reference,
        'invoice_void' as record_type,
        invoice_id as record_id,
        -total_amount as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from invoices
    where finalized_at is not null and voided_at is not null

    union all

    select
        legal_entity,
        currency,
        {{ report_date('issued_at') }} as occurred_date,
        credit_note_id as reference,
        'credit_note' as record_type,
        credit_note_id as record_id,
        -(net_amount + coalesce(tax_amount, 0)) as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from credit_notes
    where issued_at < {{ as_of_end() }}

    union all

    select
        legal_entity,
        currency,
        {{ report_date('voided_at') }} as occurred_date,
        credit_note_id as reference,
        'credit_note_void' as record_type,
        credit_note_id as record_id,
        net_amount + coalesce(tax_amount, 0) as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from credit_notes
    where voided_at is not null

    union all

    select
        legal_entity,
        currency,
        {{ report_date('paid_at') }} as occurred_date,
        payment_id as reference,
        'payment' as record_type,
        payment_id as record_id,
        -amount as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from payments

    union all

    select
        legal_entity,
        currency,
        {{ report_date('refunded_at') }} as occurred_date,
        refund_id as reference,
        'refund' as record_type,
        refund_id as record_id,
        amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from refunds

    union all

    select
        legal_entity,
        currency,
        occurred_date,
        reference,
        'write_off' as record_type,
        record_id,
        -amount as amount,
        source_ref,
        batch_id

    from written_off

    union all

    -- What a dispute takes back is owed again, until it is won.
    select
        legal_entity,
        currency,
        {{ report_date('opened_at') }} as occurred_date,
        dispute_id as reference,
        'dispute' as record_type,
        dispute_id as record_id,
        amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from disputes

    union all

    select
        legal_entity,
        currency,
        {{ report_date('reinstated_at') }} as occurred_date,
        dispute_id as reference,
        'dispute_reversal' as record_type,
        dispute_id as record_id,
        -amount as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from disputes
    where reinstated_at is not null

    union all

    select
        legal_entity,
        currency,
        booked_on as occurred_date,
        bank_transaction_id as reference,
        'bank_transaction' as record_type,
        bank_transaction_id as record_id,
        -amount as amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from bank_transfers

),

invoices_with_totals as (

    select
        *,
        coalesce(
            subtotal_amount - coalesce(discount_amount, 0),
            total_amount - coalesce(tax_amount, 0)
        ) as header_net_amount

    from invoices
    where finalized_at is not null

),

-- Providers that tell of their own ledger; a payment by bank has none to be held against.
sources_with_provider as (

    select distinct source_name from provider_transactions

),

records_stacked as (

    select
        'billings_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        amount,
        expected_amount,
        source_ref,
        batch_id

    from revenue_documents

    union all

    select
        'output_tax_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        coalesce(tax_amount, 0) as amount,
        coalesce(expected_tax_amount, 0) as expected_amount,
        source_ref,
        batch_id

    from revenue_documents

    union all

    select
        'receivables_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        amount,
        amount as expected_amount,
        source_ref,
        batch_id

    from receivable_movements

    union all

    select
        'write_offs_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        amount,
        amount as expected_amount,
        source_ref,
        batch_id

    from written_off

    union all

    select
        'invoices_vs_lines' as line,
        'warehouse' as side,
        lines.legal_entity,
        lines.currency,
        coalesce({{ report_date('invoices.finalized_at') }}, {{ as_of_date() }})
            as occurred_date,
        lines.invoice_id as reference,
        'invoice_line' as record_type,
        lines.line_id as record_id,
        lines.net_amount as amount,
        lines.net_amount as expected_amount,
        lines._source_ref as source_ref,
        lines._batch_id as batch_id

    from all_invoice_lines as lines
    left join invoices
        on lines.invoice_id = invoices.invoice_id
    where
        -- A draft may still change; an invoice that states no totals has none to compare.
        invoices.invoice_id is null
        or (
            invoices.finalized_at is not null
            and coalesce(invoices.subtotal_amount, invoices.total_amount) is not null
        )

    union all

    select
        'invoices_vs_lines' as line,
        'other' as side,
        legal_entity,
        currency,
        {{ report_date('finalized_at') }} as occurred_date,
        invoice_id as reference,
        'invoice' as record_type,
        invoice_id as record_id,
        header_net_amount as amount,
        header_net_amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from invoices_with_totals
    where header_net_amount is not null

    union all

    -- MRR and every step to billings, against the invoice lines, subscription by subscription.
    select
        'mrr_to_billings' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        period_start_date as occurred_date,
        customer_id || ' ' || subscription_id as reference,
        'mrr_steps' as record_type,
        mrr_to_billings_id as record_id,
        billed_amount - residue_amount as amount,
        billed_amount - residue_amount as expected_amount,
        cast(null as varchar) as source_ref,
        cast(null as varchar) as batch_id

    from mrr_steps
    where billed_amount - residue_amount <> 0

    union all

    select
        'mrr_to_billings' as line,
        'other' as side,
        legal_entity,
        currency,
        report_date as occurred_date,
        customer_id || ' ' || coalesce(subscription_id, '(none)') as reference,
        event_type as record_type,
        revenue_event_id as record_id,
        net_amount as amount,
        net_amount as expected_amount,
        source_ref,
        batch_id

    from invoice_lines
    {%- if policy('mrr_source') != 'subscription_state' %}
    -- MRR made of bills proves nothing about them, so there is nothing to hold against them.
    where false
    {%- endif %}

    union all

    select
        'payments_vs_provider' as line,
        'warehouse' as side,
        payments.legal_entity,
        payments.currency,
        {{ report_date('payments.paid_at') }} as occurred_date,
        payments.payment_id as reference,
        'payment' as record_type,
        payments.payment_id as record_id,
        payments.amount,
        payments.amount as expected_amount,
        payments._source_ref as source_ref,
        payments._batch_id as batch_id

    from payments
    inner join sources_with_provider
        on payments.source_name = sources_with_provider.source_name

    union all

    select
        'payments_vs_provider' as line,
        'warehouse' as side,
        refunds.legal_entity,
        refunds.currency,
        {{ report_date('refunds.refunded_at') }} as occurred_date,
        refunds.refund_id as reference,
        'refund' as record_type,
        refunds.refund_id as record_id,
        -refunds.amount as amount,
        -refunds.amount as expected_amount,
        refunds._source_ref as source_ref,
        refunds._batch_id as batch_id

    from refunds
    inner join sources_with_provider
        on refunds.source_name = sources_with_provider.source_name

    union all

    select
        'payments_vs_provider' as line,
        'other' as side,
        legal_entity,
        currency,
        {{ report_date('occurred_at') }} as occurred_date,
        source_name || ':' || coalesce(source_object_id, transaction_id) as reference,
        'provider_transaction' as record_type,
        transaction_id as record_id,
        amount,
        amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from provider_transactions
    where type in ('charge', 'payment', 'refund', 'payment_refund')

),

records_dated as (

    select
        *,
        cast(date_trunc('month', occurred_date) as date) as period_start_date

    from records_stacked

)

select * from records_dated
