with

capacity as (

    select * from {{ ref('int_capacity_needed') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

)

select
    capacity.business_function,
    -- The middle of the month lies in the company's month of that number, 4-4-5 too.
    dates.month_start_date,
    capacity.unit,
    cast(capacity.capacity as decimal(38, 6)) as capacity,
    cast(capacity.need_per_deal as decimal(38, 6)) as need_per_deal

from capacity
inner join dates
    on capacity.month_start_date + 14 = dates.date_day
