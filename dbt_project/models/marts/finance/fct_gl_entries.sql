with

journal as (

    select * from {{ ref('stg_files__gl_journal') }}

),

accounts as (

    select * from {{ ref('int_gl_accounts_mapped') }}

),

documents as (

    select * from {{ ref('int_finance_documents_named') }}

),

entries_mapped as (

    select
        {{ surrogate_key([
            'journal.legal_entity',
            'journal.journal_id',
            'journal.line_no',
            'journal.source_name',
        ]) }} as gl_entry_id,
        journal.legal_entity,
        journal.source_name,
        journal.source_account,
        journal.journal_id,
        journal.line_no,
        journal.period as period_start_date,
        journal.posted_at as posted_date,
        journal.account_code,
        journal.currency,
        journal.debit as debit_amount,
        journal.credit as credit_amount,
        journal.functional_currency,
        journal.functional_debit as functional_debit_amount,
        journal.functional_credit as functional_credit_amount,
        journal.document_ref,
        documents.document_id,
        accounts.account_prefix,
        accounts.ledger_line,
        cast(accounts.sign as integer) as sign,
        journal._source_ref as source_ref,
        journal._batch_id as batch_id,
        '{{ var("build_id") }}' as build_id

    from journal
    left join accounts
        on
            journal.legal_entity = accounts.legal_entity
            and journal.account_code = accounts.account_code
    left join documents
        on
            journal.legal_entity = documents.legal_entity
            and journal.document_ref = documents.document_name

)

select * from entries_mapped
