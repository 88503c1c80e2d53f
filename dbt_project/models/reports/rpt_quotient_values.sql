with

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}

),

{{ quotient_values('base_values', is_compound=false) }}
