{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'activity_id'],
    post_hook="{{ remember_batches('hubspot', 'calls') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'calls') }}

),

staged as (

    select
        -- ids
        call_id as activity_id,
        owner_id,
        contact_id as lead_id,
        company_id as account_id,
        deal_id as opportunity_id,
        disposition_id,

        -- strings
        coalesce(activity_type, 'call') as activity_type,
        lower(direction) as direction,
        status,

        -- numerics
        cast(duration_ms as decimal(28, 0)) * 0.001 as duration_seconds,

        -- booleans
        coalesce(is_deleted, false) as is_deleted,

        -- timestamps
        occurred_at,
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
