with

standing as (

    {{ file_rows(
        'gl_balances',
        ['legal_entity', 'period', 'account_code', 'currency'],
        day='period'
    ) }}

)

select
    -- strings
    account_code,
    currency,
    account_name,
    functional_currency,

    -- numerics
    opening_debit,
    opening_credit,
    debit,
    credit,
    closing_debit,
    closing_credit,
    functional_debit,
    functional_credit,

    -- dates
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
