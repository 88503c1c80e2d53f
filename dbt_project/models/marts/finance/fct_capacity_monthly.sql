with

capacity as (

    select * from {{ ref('int_capacity_needed') }}

)

select
    business_function,
    month_start_date,
    unit,
    cast(capacity as decimal(38, 6)) as capacity,
    cast(need_per_deal as decimal(38, 6)) as need_per_deal

from capacity
