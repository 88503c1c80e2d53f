{%- set measures = var('kpi_measures') -%}
{%- set dimensions = var('kpi_dimensions').values() | list -%}
{%- set measure_columns = [
    'kpi_key', 'variant', 'report_date', 'currency', 'original_currency', 'original_amount',
    'numerator', 'denominator', 'case_values',
] + dimensions -%}
{%- set dated = {} -%}
{%- for name in measures -%}
    {%- do dated.update({name: {
        'days': ['report_date', month_start('report_date')], 'columns': measure_columns,
    }}) -%}
{%- endfor -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'key': 'kpi_key', 'day': 'report_date', 'dated': dated},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

registry as (

    select * from {{ ref('dim_kpis') }}

),

measures as (

    {%- for name in measures %}
        {{ 'union all' if not loop.first }}
        {{ changed_rows(name, dated[name]) }}
    {%- endfor %}

),

-- The cases of a mean are published a second time, as what its median is the middle of.
measures_and_medians as (

    select
        * exclude (variant, case_values),
        variant,
        cast(null as decimal(38, 6)[]) as case_values

    from measures

    union all

    select
        * exclude (variant, case_values),
        'median' as variant,
        case_values

    from measures
    where case_values is not null

),

breakdowns as (

    select
        kpi_key,
        aggregation,
        unnest(string_split(breakdowns, '|')) as breakdown

    from registry

),

measures_by_member as (

    select
        measures_and_medians.kpi_key,
        measures_and_medians.variant,
        -- Nothing asks for a member's single days that long ago: they are added up to months,
        -- a twentieth of the rows.
        case
            when
                breakdowns.breakdown = 'total'
                or breakdowns.aggregation = 'last'
                or measures_and_medians.report_date >= {{ member_days_from() }}
                then measures_and_medians.report_date
            else {{ month_start('measures_and_medians.report_date') }}
        end as report_date,
        measures_and_medians.currency,
        breakdowns.breakdown,
        case breakdowns.breakdown
            when 'total' then '(total)'
            {%- for breakdown, dimension in var('kpi_dimensions').items() %}
                when '{{ breakdown }}' then measures_and_medians.{{ dimension }}
            {%- endfor %}
            when 'currency' then measures_and_medians.original_currency
        end as member_id,
        measures_and_medians.original_amount,
        measures_and_medians.numerator,
        measures_and_medians.denominator,
        measures_and_medians.case_values

    from measures_and_medians
    inner join breakdowns
        on measures_and_medians.kpi_key = breakdowns.kpi_key
    where
        measures_and_medians.report_date <= {{ as_of_date() }}
        and (
            breakdowns.breakdown = 'total'
            or breakdowns.aggregation <> 'last'
            or {{ shows_members('measures_and_medians.report_date') }}
        )

)

select
    kpi_key,
    variant,
    report_date,
    currency,
    breakdown,
    -- Every breakdown has an unknown member, so that it always adds up to the total.
    coalesce(member_id, '(unknown)') as member_id,
    cast(sum(original_amount) as decimal(38, 6)) as original_amount,
    cast(sum(numerator) as decimal(38, 6)) as numerator,
    cast(sum(denominator) as decimal(38, 6)) as denominator,
    -- Money without an amount or without a rate is unknown, and so is every sum it is in.
    count(*) filter (where numerator is null) as unknown_count,
    count(*) filter (where numerator is null and original_amount is not null)
        as unrated_count,
    list_sort(flatten(list(case_values) filter (where case_values is not null)))
        as case_values

from measures_by_member
{{ in_changed_days('report_date') }}
group by 1, 2, 3, 4, 5, 6
order by 3
