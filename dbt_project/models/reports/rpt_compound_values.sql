with

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}

),

quotients_of_sums as (

    select * from {{ ref('rpt_quotient_values') }}

),

retention_values as (

    select * from {{ ref('rpt_retention_values') }}

),

-- Whatever can be a part: measured figures, quotients of them, rates of opening customers.
known_values as (

    select * exclude (period_end_date) from base_values
    union all
    select * exclude (period_end_date) from quotients_of_sums
    union all
    select * exclude (period_end_date) from retention_values

),

{{ quotient_values('known_values', is_compound=true) }}
