{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'lead_id'],
    post_hook="{{ remember_batches('hubspot', 'contacts') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'contacts') }}

),

staged as (

    select
        -- ids
        contact_id as lead_id,
        company_id as account_id,
        owner_id,
        created_by_id,
        merged_object_ids,

        -- strings
        source,
        concat_ws(' / ', source_detail_1, source_detail_2) as source_detail,
        coalesce(google_click_id, facebook_click_id) as click_id,
        case
            when google_click_id is not null then 'google'
            when facebook_click_id is not null then 'meta'
        end as click_platform,
        utm_source,
        utm_medium,
        utm_campaign,
        email,
        phone,
        coalesce(lead_status, lifecycle_stage) as status,

        -- booleans
        -- What HubSpot writes down as a contact's source when a list is imported.
        source = 'OFFLINE' and source_detail_1 = 'IMPORT' as is_bulk_import,
        coalesce(is_deleted, false) as is_deleted,

        -- timestamps
        created_at,
        mql_at,
        sql_at,
        customer_at as converted_at,
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

{{ newest_of('staged', ['lead_id'], 'updated_at') }}
