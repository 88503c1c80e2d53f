with

capacity as (

    select * from {{ ref('stg_files__capacity') }}

),

needs as (

    select * from {{ ref('capacity_needs') }}

)

select
    trim(capacity.business_function) as business_function,
    {{ stated_month_start('capacity.month') }} as month_start_date,
    max(capacity.unit) as unit,
    sum(capacity.capacity) as capacity,
    -- Sources that state the function in different units, or one nobody knows the need of:
    -- no need per deal.
    case
        when count(needs.need_per_deal) = count(*) and count(distinct needs.need_per_deal) = 1
            then max(needs.need_per_deal)
    end as need_per_deal

from capacity
left join needs
    on
        lower(trim(capacity.business_function)) = lower(trim(needs.function))
        and (
            capacity.unit is null
            or lower(trim(capacity.unit)) = lower(trim(needs.unit))
        )
group by 1, 2
