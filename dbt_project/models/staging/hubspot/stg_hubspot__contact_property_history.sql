{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'lead_id', 'field', 'changed_at'],
    post_hook="{{ remember_batches('hubspot', 'contact_property_history') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'contact_property_history') }}

),

staged as (

    select
        -- ids
        contact_id as lead_id,
        changed_by_id,

        -- strings
        case property
            when 'hubspot_owner_id' then 'owner'
            when 'lifecyclestage' then 'lifecycle_stage'
            else property
        end as field,
        value as new_value,

        -- timestamps
        changed_at,

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

{{ newest_of('staged', ['lead_id', 'field', 'changed_at']) }}
