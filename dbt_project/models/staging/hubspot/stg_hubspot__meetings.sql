{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'activity_id'],
    post_hook="{{ remember_batches('hubspot', 'meetings') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'meetings') }}

),

staged as (

    select
        -- ids
        meeting_id as activity_id,
        owner_id,
        contact_id as lead_id,
        company_id as account_id,
        deal_id as opportunity_id,

        -- strings
        coalesce(activity_type, 'meeting') as activity_type,
        outcome,

        -- booleans
        coalesce(is_deleted, false) as is_deleted,

        -- timestamps
        coalesce(starts_at, occurred_at) as occurred_at,
        ends_at,
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

    from landed

)

{{ newest_of('staged', ['activity_id'], 'updated_at') }}
