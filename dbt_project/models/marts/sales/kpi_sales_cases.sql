with

closes as (

    select * from {{ ref('fct_opportunity_closes') }}
    where is_sales_pipeline

),

-- Won on the day it was created is 0 days; a win before the creation is a mistake in one of
-- the two dates and has no length.
sales_cycles as (

    select
        'sales_cycle_days' as kpi_key,
        opportunity_id as case_id,
        closed_date as report_date,
        null as currency,
        cycle_days as value,
        rep_id,
        team_id,
        department_id,
        lead_source_group,
        campaign_id,
        channel,
        platform,
        product_id,
        segment,
        null as stage,
        customer_type,
        legal_entity

    from closes
    where is_won and cycle_days >= 0

)

select
    cast(kpi_key as varchar) as kpi_key,
    cast(case_id as varchar) as case_id,
    cast(report_date as date) as report_date,
    cast(currency as varchar) as currency,
    cast(value as decimal(38, 6)) as value,
    cast(rep_id as varchar) as rep_id,
    cast(team_id as varchar) as team_id,
    cast(department_id as varchar) as department_id,
    cast(lead_source_group as varchar) as lead_source_group,
    cast(campaign_id as varchar) as campaign_id,
    cast(channel as varchar) as channel,
    cast(platform as varchar) as platform,
    cast(product_id as varchar) as product_id,
    cast(segment as varchar) as segment,
    cast(stage as varchar) as stage,
    cast(customer_type as varchar) as customer_type,
    cast(legal_entity as varchar) as legal_entity,
    cast('{{ var("build_id") }}' as varchar) as build_id

from sales_cycles
