with

changed_rows as (

    select * from {{ source('closes', 'changed_rows') }}

)

select
    -- ids
    batch_id,
    record,

    -- strings
    kind,
    entity,
    source_name,
    change,
    source_ref,

    -- dates
    load_date,
    unnest(dates) as changed_date

from changed_rows
