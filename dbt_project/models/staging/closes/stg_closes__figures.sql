with

figures as (

    select * from {{ source('closes', 'figures') }}

)

select
    -- ids
    close_id,

    -- strings
    area,
    closed_period,
    kpi_key,
    kpi_version,
    variant,
    basis,
    grain,
    breakdown,
    member_id,
    member_name,
    unit,
    currency,
    additivity,
    history_basis,
    flag,

    -- numerics
    value_original,
    numerator,
    denominator,
    value,

    -- booleans
    is_partial,
    low_sample,

    -- dates
    period_start_date,
    period_end_date,
    as_of_date as signed_as_of_date

from figures
-- Days are kept as evidence in the close alone.
where grain <> 'day'
