with

standing as (

    {{ file_rows(
        'targets',
        ['kpi_key', 'scope_type', 'scope_id', 'period_start', 'effective_from'],
        day='period_start'
    ) }}

)

select
    -- ids
    scope_id,

    -- strings
    kpi_key,
    scope_type,
    unit,
    currency,
    target_type,
    approved_by,
    reason,

    -- numerics
    value,

    -- dates
    period_start,
    effective_from,
    period_end,
    approved_at,

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
