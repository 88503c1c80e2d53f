with

values_judged as (

    select * from {{ ref('rpt_kpi_values_judged') }}

),

members as (

    select * from {{ ref('rpt_members') }}

)

select
    values_judged.kpi_value_id,
    values_judged.kpi_key,
    values_judged.kpi_version,
    values_judged.variant,
    values_judged.basis,
    values_judged.grain,
    values_judged.period_start_date,
    values_judged.period_end_date,
    values_judged.breakdown,
    values_judged.member_id,
    coalesce(members.member_name, values_judged.member_id) as member_name,
    values_judged.unit,
    values_judged.currency,
    values_judged.value_original,
    values_judged.numerator,
    values_judged.denominator,
    values_judged.value,
    values_judged.additivity,
    values_judged.is_partial,
    values_judged.low_sample,
    values_judged.flag,
    values_judged.history_basis,
    values_judged.theme,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from values_judged
left join members
    on
        values_judged.breakdown = members.breakdown
        and values_judged.member_id = members.member_id
