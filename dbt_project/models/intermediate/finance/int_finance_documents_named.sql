with

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

credit_notes as (

    select * from {{ ref('int_credit_notes_unioned') }}

),

payments as (

    select * from {{ ref('int_payments_unioned') }}

),

refunds as (

    select * from {{ ref('int_refunds_unioned') }}

),

payouts as (

    select * from {{ ref('int_payouts_unioned') }}

),

disputes as (

    select * from {{ ref('int_disputes_unioned') }}

),

bank_transactions as (

    select * from {{ ref('int_bank_transactions_linked') }}

),

documents as (

    select
        legal_entity,
        invoice_id as document_id,
        source_invoice_id as document_name

    from invoices

    union all

    select
        legal_entity,
        invoice_id as document_id,
        invoice_number as document_name

    from invoices
    where invoice_number is not null

    union all

    select
        legal_entity,
        credit_note_id as document_id,
        source_credit_note_id as document_name

    from credit_notes

    union all

    select
        legal_entity,
        payment_id as document_id,
        substr(payment_id, length(source_name) + 2) as document_name

    from payments

    union all

    select
        legal_entity,
        refund_id as document_id,
        substr(refund_id, length(source_name) + 2) as document_name

    from refunds

    union all

    select
        legal_entity,
        payout_id as document_id,
        source_payout_id as document_name

    from payouts

    union all

    select
        legal_entity,
        dispute_id as document_id,
        source_dispute_id as document_name

    from disputes

    union all

    select
        legal_entity,
        coalesce(payout_id, bank_transaction_id) as document_id,
        source_bank_transaction_id as document_name

    from bank_transactions

),

-- A name two documents share names neither: the ledger's entry stays an orphan and shows.
documents_named_once as (

    select
        legal_entity,
        document_name,
        min(document_id) as document_id

    from documents
    group by 1, 2
    having count(distinct document_id) = 1

)

select * from documents_named_once
