with

standing as (

    {{ file_rows(
        'lead_changes',
        ['lead_id', 'changed_at', 'field'],
        day=report_date('changed_at')
    ) }}

)

select
    -- ids
    lead_id,

    -- strings
    field,
    old_value,
    new_value,

    -- timestamps
    changed_at,

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
