with

live as (

    {{ live_rows('hubspot', 'deal_property_history') }}

)

select
    -- ids
    deal_id as opportunity_id,
    changed_by_id,

    -- strings
    case property
        when 'dealstage' then 'stage'
        when 'closedate' then 'expected_close_date'
        when 'hubspot_owner_id' then 'owner_id'
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

from live
{{ latest_version(['deal_id', 'property', 'changed_at']) }}
