with

standing as (

    {{ file_rows('capacity', ['function', 'month'], day='month') }}

)

select
    -- ids
    function as business_function,

    -- strings
    unit,

    -- numerics
    capacity,

    -- dates
    month,

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
