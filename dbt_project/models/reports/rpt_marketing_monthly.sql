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
        'marketing',
        [
            'leads_created',
            'lead_source_completeness',
            'mql_count',
            'sql_count',
            'ad_spend',
            'impressions',
            'clicks',
            'ctr',
            'cpc',
            'cpl_media',
        ]
    ) }}

)

select * from kpi_months
