-- Without a configured source a KPI is unknown; any number, 0 above all, would be a claim.
with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    -- What was signed stays, whatever the registry or the sources are now.
    where basis = 'current'

),

registry as (

    select * from {{ ref('dim_kpis') }}

)

select
    kpi_values.kpi_key,
    kpi_values.period_start_date,
    kpi_values.value

from kpi_values
inner join registry
    on kpi_values.kpi_key = registry.kpi_key
where
    (not registry.has_source and kpi_values.value is not null)
    or registry.has_source = list_contains(kpi_values.flag, 'no_source')
