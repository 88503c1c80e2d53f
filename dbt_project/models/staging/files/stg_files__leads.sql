with

standing as (

    {{ file_rows(
        'leads',
        ['lead_id'],
        day=report_date('created_at'),
        version_column='updated_at'
    ) }}

)

select
    -- ids
    lead_id,
    campaign_id,
    click_id,
    owner_id,
    created_by_id,
    account_id,
    opportunity_id,
    merged_into_id,

    -- strings
    source,
    source_detail,
    utm_source,
    utm_medium,
    utm_campaign,
    email,
    phone,
    status,
    disqualified_reason,

    -- booleans
    is_deleted,

    -- timestamps
    created_at,
    mql_at,
    sql_at,
    converted_at,
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
