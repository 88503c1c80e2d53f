with

closes as (

    select * from {{ ref('fct_opportunity_closes') }}
    where is_sales_pipeline

),

-- Won on the day it was created is 0 days; a win before the creation is a mistake in one of
-- the two dates and has no length.
sales_cycles as (

    select
        *,
        'sales_cycle_days' as kpi_key,
        opportunity_id as case_id,
        closed_date as report_date,
        cycle_days as value,
        null as stage

    from closes
    where is_won and cycle_days >= 0

)

select
    cast(kpi_key as varchar) as kpi_key,
    cast(case_id as varchar) as case_id,
    cast(report_date as date) as report_date,
    cast(null as varchar) as currency,
    cast(value as decimal(38, 6)) as value,
    {%- for dimension in var('kpi_dimensions').values() %}
        cast({{ dimension }} as varchar) as {{ dimension }},
    {%- endfor %}
    cast('{{ var("build_id") }}' as varchar) as build_id

from sales_cycles
