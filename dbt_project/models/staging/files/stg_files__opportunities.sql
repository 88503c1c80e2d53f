with

versions as (

    {{ file_versions(
        'opportunities',
        ['opportunity_id'],
        day=report_date('created_at'),
        version_column='updated_at'
    ) }}

)

select
    -- ids
    opportunity_id,
    account_id,
    lead_id,
    owner_id,
    created_by_id,
    campaign_id,
    product_id,
    merged_into_id,

    -- strings
    stage,
    status,
    pipeline,
    deal_type,
    currency,
    close_reason,
    competitor,
    contact_method,

    -- numerics
    amount,
    probability,
    term_months,

    -- booleans
    is_deleted,
    is_standing,

    -- dates
    expected_close_date,
    first_load_date,

    -- timestamps
    created_at,
    closed_at,
    next_step_at,
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

from versions
