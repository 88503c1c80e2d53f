with

standing as (

    {{ file_rows(
        'accounts',
        ['account_id'],
        day=report_date('created_at'),
        version_column='updated_at'
    ) }}

)

select
    -- ids
    account_id,
    parent_account_id,
    owner_id,
    merged_into_id,

    -- strings
    account_name,
    industry,
    segment,
    country,
    currency,

    -- numerics
    employee_count,
    annual_revenue,

    -- booleans
    is_deleted,

    -- timestamps
    created_at,
    updated_at,
    deleted_at,

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
