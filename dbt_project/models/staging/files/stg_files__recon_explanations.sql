with

standing as (

    {{ file_rows(
        'recon_explanations',
        ['period', 'legal_entity', 'account_code', 'currency', 'reason_code', 'reference'],
        day='period'
    ) }}

)

select
    -- strings
    account_code,
    currency,
    reason_code,
    reference,
    entered_by,
    approved_by,
    note,

    -- numerics
    amount,

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
