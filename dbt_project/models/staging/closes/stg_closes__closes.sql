with

closes as (

    select * from {{ source('closes', 'closes') }}

)

select
    -- ids
    close_id,

    -- strings
    area,
    period_label,
    closed_by,
    build_id as signed_build_id,
    code_version,
    models,
    entry_hash,

    -- dates
    period_start_date,
    period_end_date,
    as_of_date as signed_as_of_date,

    -- timestamps
    closed_at

from closes
