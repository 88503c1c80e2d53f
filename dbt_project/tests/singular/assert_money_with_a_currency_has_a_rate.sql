-- A missing rate makes a figure unknown (NULL), and says so here: never 1, never a smaller
-- sum. Without a source of rates every foreign figure is unknown by choice, so nothing is asked.
{{ config(enabled=('fx_rates' in var('configured_entities'))) }}

with

sales_measures as (

    select * from {{ ref('kpi_sales_measures') }}

),

marketing_measures as (

    select * from {{ ref('kpi_marketing_measures') }}

),

revenue_measures as (

    select * from {{ ref('kpi_revenue_measures') }}

),

measures as (

    select * from sales_measures
    union all
    select * from marketing_measures
    union all
    select * from revenue_measures

)

select
    kpi_key,
    report_date,
    original_currency,
    currency,
    count(*) as row_count

from measures
where original_currency is not null and numerator is null
group by 1, 2, 3, 4
