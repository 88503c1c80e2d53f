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
        'finance',
        [
            'sales_revenue',
            'average_order_value',
            'sales_growth_mom',
            'sales_growth_qoq',
            'sales_growth_yoy',
            'mrr',
            'paying_customers',
            'new_mrr',
            'expansion_mrr',
            'contraction_mrr',
            'churned_mrr',
            'reactivation_mrr',
            'fx_mrr',
            'net_new_mrr',
            'arr',
            'arpa',
            'gross_mrr_churn_rate',
            'net_mrr_churn_rate',
            'quick_ratio',
            'customer_churn_rate',
            'customer_retention_rate',
            'sales_target',
            'target_attainment',
        ]
    ) }}

)

select * from kpi_months
