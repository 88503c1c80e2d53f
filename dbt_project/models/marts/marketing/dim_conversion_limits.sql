with

limits as (

    select * from {{ ref('conversion_time_limits') }}

)

select
    currency,
    -- Each band begins where the one below ends.
    lag(monthly_price_up_to) over (
        partition by currency
        order by monthly_price_up_to nulls last
    ) as monthly_price_above,
    monthly_price_up_to,
    max_days

from limits
where currency = '{{ var("reporting_currency") }}'
