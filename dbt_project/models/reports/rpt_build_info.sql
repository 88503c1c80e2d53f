with

sources as (

    select * from {{ ref('dim_sources') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

kpis_counted as (

    select
        count(*) as kpi_count,
        count(*) filter (where has_source) as kpi_with_source_count

    from registry

),

sources_summed as (

    select
        source_name,
        -- A history export stands under its vendor's name; the vendor is the source.
        coalesce(min(kind) filter (where kind <> 'files'), 'files') as kind,
        min(data_through_date) as data_through_date,
        min(data_through_date) filter (where is_by_day) as days_through_date,
        sum(loaded_tonight_count)::bigint as loaded_tonight_count,
        sum(quarantined_tonight_count)::bigint as quarantined_tonight_count,
        sum(test_record_count)::bigint as test_record_count

    from sources
    group by 1

)

select
    sources_summed.source_name,
    sources_summed.kind,
    coalesce(sources_summed.days_through_date, sources_summed.data_through_date)
        as data_through_date,
    coalesce(sources_summed.days_through_date < {{ as_of_date() }}, false) as is_stale,
    sources_summed.loaded_tonight_count,
    sources_summed.quarantined_tonight_count,
    sources_summed.test_record_count,
    kpis_counted.kpi_count,
    kpis_counted.kpi_with_source_count,
    '{{ var("company_name") }}' as company_name,
    '{{ var("reporting_currency") }}' as reporting_currency,
    '{{ var("reporting_timezone") }}' as reporting_timezone,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from sources_summed
cross join kpis_counted
