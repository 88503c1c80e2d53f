with

standing as (

    {{ file_rows('touches', ['touch_id'], day=report_date('occurred_at')) }}

)

select
    -- ids
    touch_id,
    campaign_id,
    person_key,
    lead_id,
    account_id,

    -- strings
    channel,

    -- booleans
    is_view_through,

    -- timestamps
    occurred_at,

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
