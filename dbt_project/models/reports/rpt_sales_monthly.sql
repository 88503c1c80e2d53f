with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

kpi_months as (

    {{ kpi_months(
        'kpi_values',
        'currencies',
        'sales',
        [
            'opportunities_created',
            'active_deals',
            'open_pipeline_value',
            'deals_won',
            'deals_lost',
            'win_rate',
            'avg_deal_size',
            'sales_cycle_days',
            'sales_bookings',
            'calls_made',
        ]
    ) }}

)

select * from kpi_months
