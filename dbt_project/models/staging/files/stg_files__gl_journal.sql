with

standing as (

    {{ file_rows(
        'gl_journal',
        ['legal_entity', 'journal_id', 'line_no'],
        day='period'
    ) }}

)

select
    -- ids
    journal_id,
    line_no,

    -- strings
    account_code,
    currency,
    functional_currency,
    document_ref,
    description,

    -- numerics
    debit,
    credit,
    functional_debit,
    functional_credit,

    -- dates
    posted_at,
    period,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from standing
