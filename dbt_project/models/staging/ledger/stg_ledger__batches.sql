with

batches as (

    select * from {{ source('ledger', '_batches') }}

)

select
    -- ids
    batch_id,

    -- strings
    kind,
    source_name,
    source_account,
    legal_entity,
    stream,
    entity,

    -- numerics
    row_count,
    quarantined_count,

    -- booleans
    is_full_list,

    -- dates
    load_date,
    window_start_date,
    window_end_date,

    -- timestamps
    window_start,
    window_end,
    extracted_at

from batches
where load_date <= date '{{ var("load_date") }}'
