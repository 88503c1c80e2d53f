{%- set measures = var('kpi_measures') -%}
{%- set dimensions = var('kpi_dimensions').values() | list -%}
{%- set measure_columns = [
    'kpi_key', 'variant', 'report_date', 'currency', 'original_currency', 'original_amount',
    'numerator', 'denominator',
] + dimensions -%}
{%- set dated = {
    'kpi_sales_cases': {
        'days': ['report_date'],
        'columns': ['kpi_key', 'report_date', 'currency', 'value'] + dimensions,
    },
} -%}
{%- for name in measures -%}
    {%- do dated.update({name: {'days': ['report_date'], 'columns': measure_columns}}) -%}
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

sales_cases as (

    {{ changed_rows('kpi_sales_cases', dated['kpi_sales_cases']) }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

-- A median cannot be added up, so its days keep the cases themselves.
measures as (

    {%- for name in measures %}
        select
            *,
            cast(null as decimal(38, 6)) as case_value
        from (
            {{ changed_rows(name, dated[name]) }}
        )
        union all
    {%- endfor %}
    select
        kpi_key,
        'median' as variant,
        report_date,
        currency,
        null as original_currency,
        null as original_amount,
        value as numerator,
        1 as denominator,
        {%- for dimension in dimensions %}
            {{ dimension }},
        {%- endfor %}
        value as case_value

    from sales_cases

),

breakdowns as (

    select
        kpi_key,
        unnest(string_split(breakdowns, '|')) as breakdown

    from registry

),

measures_by_member as (

    select
        measures.kpi_key,
        measures.variant,
        measures.report_date,
        measures.currency,
        breakdowns.breakdown,
        case breakdowns.breakdown
            when 'total' then '(total)'
            {%- for breakdown, dimension in var('kpi_dimensions').items() %}
                when '{{ breakdown }}' then measures.{{ dimension }}
            {%- endfor %}
            when 'currency' then measures.original_currency
        end as member_id,
        measures.original_amount,
        measures.numerator,
        measures.denominator,
        measures.case_value

    from measures
    inner join breakdowns
        on measures.kpi_key = breakdowns.kpi_key
    where measures.report_date <= {{ as_of_date() }}

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
    -- In order, so that the same cases are the same list.
    list(case_value order by case_value) filter (where case_value is not null)
        as case_values

from measures_by_member
group by 1, 2, 3, 4, 5, 6
order by 3
