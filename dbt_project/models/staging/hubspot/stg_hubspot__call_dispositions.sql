with

live as (

    {{ live_rows('hubspot', 'call_dispositions') }}

)

select
    -- ids
    disposition_id,

    -- strings
    label,

    -- booleans
    coalesce(is_deleted, false) as is_deleted,

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
{{ latest_version(['disposition_id']) }}
