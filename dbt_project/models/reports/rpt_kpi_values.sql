with

values_judged as (

    select * from {{ ref('rpt_kpi_values_judged') }}

),

values_as_closed as (

    select * from {{ ref('rpt_kpi_values_as_closed') }}

),

members as (

    select * from {{ ref('rpt_members') }}

),

values_current as (

    select
        values_judged.*,
        coalesce(members.member_name, values_judged.member_id) as member_name

    from values_judged
    left join members
        on
            values_judged.breakdown = members.breakdown
            and values_judged.member_id = members.member_id

),

values_stacked as (

    select * from values_current
    union all by name
    select * from values_as_closed

)

select
    kpi_value_id,
    kpi_key,
    kpi_version,
    variant,
    basis,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    member_name,
    unit,
    currency,
    value_original,
    numerator,
    denominator,
    value,
    additivity,
    is_partial,
    low_sample,
    flag,
    history_basis,
    theme,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from values_stacked
