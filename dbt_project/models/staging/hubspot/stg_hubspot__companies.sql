with

live as (

    {{ live_rows('hubspot', 'companies') }}

)

select
    -- ids
    company_id as account_id,
    parent_company_id as parent_account_id,
    owner_id,
    merged_object_ids,

    -- strings
    company_name as account_name,
    industry,
    segment,
    country,
    annual_revenue_currency as currency,

    -- numerics
    employee_count,
    annual_revenue,

    -- booleans
    coalesce(is_deleted, false) as is_deleted,

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

from live
{{ latest_version(['company_id'], 'updated_at') }}
