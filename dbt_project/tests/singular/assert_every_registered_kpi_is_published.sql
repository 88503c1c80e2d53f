-- A KPI in the registry without a figure, or a figure without a registry row.
with

registry as (

    select * from {{ ref('dim_kpis') }}

),

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}

),

published as (

    select distinct kpi_key from kpi_values

)

select coalesce(registry.kpi_key, published.kpi_key) as kpi_key
from registry
full outer join published
    on registry.kpi_key = published.kpi_key
where registry.kpi_key is null or published.kpi_key is null
