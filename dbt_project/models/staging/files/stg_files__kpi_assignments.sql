with

standing as (

    {{ file_rows(
        'kpi_assignments', ['user_id', 'kpi_key', 'period_start'], day='period_start'
    ) }}

)

select
    -- ids
    user_id,

    -- strings
    kpi_key,
    role,
    kpi_version,

    -- numerics
    weight,

    -- dates
    period_start,
    acknowledged_at,

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
