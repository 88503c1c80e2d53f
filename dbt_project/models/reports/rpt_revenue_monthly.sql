with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    where basis = 'current'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

kpi_months as (

    {{ kpi_months('kpi_values', 'currencies', 'finance') }}

)

select * from kpi_months
