-- Mean and median of a KPI are of the same cases: they are counted and added up alike.
with

measures as (

    select * from {{ ref('kpi_sales_measures') }}

),

cases as (

    select * from {{ ref('kpi_sales_cases') }}

),

cases_added_up as (

    select
        kpi_key,
        report_date,
        rep_id,
        sum(value) as numerator,
        count(*) as denominator

    from cases
    group by 1, 2, 3

),

means as (

    select
        kpi_key,
        report_date,
        rep_id,
        sum(numerator) as numerator,
        sum(denominator) as denominator

    from measures
    semi join cases
        on measures.kpi_key = cases.kpi_key
    group by 1, 2, 3

)

select * from cases_added_up
full outer join means
    on
        cases_added_up.kpi_key = means.kpi_key
        and cases_added_up.report_date = means.report_date
        and cases_added_up.rep_id = means.rep_id
where
    cases_added_up.numerator is distinct from means.numerator
    or cases_added_up.denominator is distinct from means.denominator
