with

standing as (

    {{ file_rows(
        'kpi_comments',
        ['kpi_key', 'period_start', 'breakdown', 'member_id', 'commented_at'],
        day='period_start'
    ) }}

)

select
    -- ids
    member_id,

    -- strings
    kpi_key,
    breakdown,
    comment,
    author,

    -- dates
    period_start,

    -- timestamps
    commented_at,

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
