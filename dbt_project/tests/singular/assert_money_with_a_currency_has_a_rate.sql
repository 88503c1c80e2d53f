-- A missing rate makes a figure unknown (NULL), and says so here: never 1, never a smaller
-- sum. Without a source of rates every foreign figure is unknown by choice, so nothing is asked.
{{ config(enabled=('fx_rates' in var('configured_entities'))) }}

with

measures as (

    {% for name in var('kpi_measures') %}
        select * from {{ ref(name) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    kpi_key,
    report_date,
    original_currency,
    currency,
    count(*) as row_count

from measures
-- An amount nobody recorded is unknown in its own currency already: no rate is missing there.
where original_currency is not null and numerator is null and original_amount is not null
group by 1, 2, 3, 4
