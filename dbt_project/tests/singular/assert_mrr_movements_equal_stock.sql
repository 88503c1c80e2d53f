-- The movements of a month lead from one published stock to the next: MRR of the month less
-- MRR of the month before is net new MRR.
with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    where basis = 'current' and breakdown = 'total' and grain = 'month' and variant = 'standard'

),

stocks as (

    select
        currency,
        period_start_date,
        value as mrr,
        lag(value) over (partition by currency order by period_start_date) as opening_mrr

    from kpi_values
    where kpi_key = 'mrr'

)

select
    stocks.*,
    kpi_values.value as net_new_mrr

from stocks
inner join kpi_values
    on
        kpi_values.kpi_key = 'net_new_mrr'
        and stocks.currency = kpi_values.currency
        and stocks.period_start_date = kpi_values.period_start_date
where
    stocks.opening_mrr is not null
    and stocks.mrr - stocks.opening_mrr <> kpi_values.value
