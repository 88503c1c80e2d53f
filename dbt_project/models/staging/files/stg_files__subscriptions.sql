with

standing as (

    {{ file_rows('subscriptions', ['subscription_id'], day=report_date('started_at')) }}

)

select
    -- ids
    subscription_id,
    customer_id,
    opportunity_id,

    -- strings
    status,
    currency,

    -- timestamps
    started_at,
    trial_ends_at,
    canceled_at,
    ended_at,

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
