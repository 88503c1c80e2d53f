with

standing as (

    {{ file_rows(
        'gl_account_map',
        ['legal_entity', 'account_prefix']
    ) }}

)

select
    -- strings
    account_prefix,
    tie_out_line,

    -- numerics
    sign,

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
