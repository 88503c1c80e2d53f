-- A KPI or variant in the registry without a figure, or a figure without a registry row.
with

registry as (

    select * from {{ ref('dim_kpis') }}

),

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    -- What was signed stays, whatever the registry or the sources are now.
    where basis = 'current'

),

registered as (

    select
        kpi_key,
        unnest(list_concat(['standard'], string_split(variants, '|'))) as variant

    from registry

),

published as (

    select distinct
        kpi_key,
        variant

    from kpi_values

)

select
    coalesce(registered.kpi_key, published.kpi_key) as kpi_key,
    coalesce(registered.variant, published.variant) as variant

from registered
full outer join published
    on
        registered.kpi_key = published.kpi_key
        and registered.variant = published.variant
where registered.kpi_key is null or published.kpi_key is null
