with

standing as (

    {{ file_rows('users', ['user_id', 'valid_from'], day='valid_from') }}

)

select
    -- ids
    user_id,
    manager_id,
    external_ids,

    -- strings
    user_name,
    email,
    team,
    department,
    role,
    region,

    -- numerics
    fte,

    -- booleans
    is_active,

    -- dates
    valid_from,
    valid_to,

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
