-- The members of every breakdown add up to the company's figure, part by part. Growth,
-- targets and attainment are of each scope on its own and do not add up.
with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    where
        kpi_key not in ('sales_target', 'target_attainment')
        and kpi_key not like 'sales_growth%'
        and value is not null

),

by_breakdown as (

    select
        kpi_key,
        variant,
        basis,
        grain,
        period_start_date,
        currency,
        breakdown,
        sum(numerator) as numerator,
        sum(denominator) as denominator

    from kpi_values
    group by 1, 2, 3, 4, 5, 6, 7

),

totals as (

    select * from by_breakdown
    where breakdown = 'total'

)

select
    by_breakdown.*,
    totals.numerator as total_numerator,
    totals.denominator as total_denominator

from by_breakdown
inner join totals
    on
        by_breakdown.kpi_key = totals.kpi_key
        and by_breakdown.variant = totals.variant
        and by_breakdown.basis = totals.basis
        and by_breakdown.grain = totals.grain
        and by_breakdown.period_start_date = totals.period_start_date
        and by_breakdown.currency is not distinct from totals.currency
where
    -- Members whose ratio is undefined stand on neither side of a sum of ratios.
    totals.denominator is null
    and by_breakdown.numerator is distinct from totals.numerator
