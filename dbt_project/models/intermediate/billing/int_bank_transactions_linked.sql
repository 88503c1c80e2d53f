with

bank_transactions as (

    select * from {{ ref('stg_files__bank_transactions') }}

),

payouts as (

    select * from {{ ref('int_payouts_unioned') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

-- What a statement may call a payout: its id at its provider, or the bank's own reference. A
-- name two payouts share names neither.
payout_names_listed as (

    select
        legal_entity,
        payout_id,
        unnest([source_payout_id, bank_reference]) as payout_name

    from payouts

),

payout_names as (

    select
        legal_entity,
        payout_name,
        min(payout_id) as payout_id

    from payout_names_listed
    where payout_name is not null
    group by 1, 2
    having count(distinct payout_id) = 1

),

invoice_names_listed as (

    select
        legal_entity,
        invoice_id,
        unnest([source_invoice_id, invoice_number]) as invoice_name

    from invoices

),

invoice_names as (

    select
        legal_entity,
        invoice_name,
        min(invoice_id) as invoice_id

    from invoice_names_listed
    where invoice_name is not null
    group by 1, 2
    having count(distinct invoice_id) = 1

),

lines_linked as (

    select
        {{ record_key('bank_transactions.transaction_id', 'bank_transactions.source_name') }}
            as bank_transaction_id,
        bank_transactions.transaction_id as source_bank_transaction_id,
        bank_transactions.booked_on,
        bank_transactions.amount,
        bank_transactions.currency,
        coalesce(by_id.payout_id, by_reference.payout_id) as payout_id,
        case
            when coalesce(by_id.payout_id, by_reference.payout_id) is null
                then invoice_names.invoice_id
        end as invoice_id,
        bank_transactions.source_name,
        bank_transactions.source_account,
        bank_transactions.legal_entity,
        bank_transactions._source_ref,
        bank_transactions._batch_id

    from bank_transactions
    left join payout_names as by_id
        on
            bank_transactions.legal_entity = by_id.legal_entity
            and bank_transactions.payout_id = by_id.payout_name
    left join payout_names as by_reference
        on
            bank_transactions.legal_entity = by_reference.legal_entity
            and bank_transactions.reference = by_reference.payout_name
    left join invoice_names
        on
            bank_transactions.legal_entity = invoice_names.legal_entity
            and bank_transactions.invoice_id = invoice_names.invoice_name
    where bank_transactions.booked_on <= {{ as_of_date() }}

)

select * from lines_linked
