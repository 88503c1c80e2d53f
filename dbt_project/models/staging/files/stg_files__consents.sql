with

standing as (

    {{ file_rows('consents', ['person_key', 'channel']) }}

)

select
    -- ids
    person_key,

    -- strings
    lower(trim(channel)) as channel,
    basis,

    -- timestamps
    granted_at,
    withdrawn_at,

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
