{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'activity_id'],
    post_hook="{{ remember_batches('hubspot', 'emails') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'emails') }}

),

staged as (

    select
        -- ids
        email_id as activity_id,
        owner_id,
        contact_id as lead_id,
        company_id as account_id,
        deal_id as opportunity_id,

        -- strings
        direction,
        status,
        subject,

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
