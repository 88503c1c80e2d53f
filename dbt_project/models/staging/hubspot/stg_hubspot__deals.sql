{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'opportunity_id'],
    post_hook="{{ remember_batches('hubspot', 'deals') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'deals') }}

),

staged as (

    select
        -- ids
        deal_id as opportunity_id,
        company_id as account_id,
        contact_id as lead_id,
        owner_id,
        created_by_id,
        campaign_id,
        product_id,
        merged_object_ids,

        -- strings
        stage_id as stage,
        pipeline_id as pipeline,
        deal_type,
        upper(currency) as currency,
        coalesce(closed_lost_reason, closed_won_reason) as close_reason,
        competitor,
        contact_method,

        -- numerics
        amount,
        term_months,

        -- booleans
        coalesce(is_deleted, false) as is_deleted,

        -- timestamps
        created_at,
        close_at,
        next_activity_at as next_step_at,
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

{{ newest_of('staged', ['opportunity_id'], 'updated_at') }}
