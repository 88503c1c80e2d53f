{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'opportunity_id', 'field', 'changed_at'],
    post_hook="{{ remember_batches('hubspot', 'deal_property_history') }}",
) }}

with

landed as (

    {{ unconsumed_rows('hubspot', 'deal_property_history') }}

),

staged as (

    select
        -- ids
        deal_id as opportunity_id,
        changed_by_id,

        -- strings
        case property
            when 'dealstage' then 'stage'
            when 'closedate' then 'expected_close_date'
            when 'hubspot_owner_id' then 'owner_id'
            when 'notes_next_activity_date' then 'next_step_at'
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

{{ newest_of('staged', ['opportunity_id', 'field', 'changed_at']) }}
