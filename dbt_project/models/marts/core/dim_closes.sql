with

closes as (

    select * from {{ ref('stg_closes__closes') }}

)

select
    close_id,
    area,
    period_label,
    period_start_date,
    period_end_date,
    signed_as_of_date,
    -- Whatever is loaded later the closer has not seen.
    signed_as_of_date + 1 as signed_load_date,
    cast(timezone('UTC', closed_at) as timestamp) as closed_at,
    closed_by,
    signed_build_id,
    code_version,
    models,
    entry_hash,
    min(period_start_date) over (partition by area) as area_closed_from_date,
    max(period_end_date) over (partition by area) as area_closed_through_date,
    '{{ var("build_id") }}' as build_id

from closes
