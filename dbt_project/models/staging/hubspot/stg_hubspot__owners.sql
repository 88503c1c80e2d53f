with

live as (

    {{ live_rows('hubspot', 'owners') }}

)

select
    -- ids
    owner_id,
    user_id as crm_user_id,

    -- strings
    lower(trim(email)) as email,
    nullif(trim(concat_ws(' ', last_name, first_name)), '') as owner_name,
    team_name,

    -- booleans
    coalesce(is_deleted, false) as is_deleted,

    -- timestamps
    created_at,
    updated_at,

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
{{ latest_version(['owner_id'], 'updated_at') }}
