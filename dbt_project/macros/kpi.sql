{#- What names a published figure of one basis. -#}
{% macro figure_key() -%}
    {{ return([
        'kpi_key', 'variant', 'grain', 'period_start_date', 'breakdown', 'member_id',
        'currency',
    ]) }}
{%- endmacro %}


{#- Whether rows of two relations are of the same figure: a figure that is no money has no
    currency, and equals none by `=`. `but` names columns that may differ. -#}
{% macro same_figure(one, other, but=[]) -%}
    {%- for column in figure_key() if column not in ['currency'] + but -%}
    {{ one }}.{{ column }} = {{ other }}.{{ column }}
    and {% endfor -%}
    {{ one }}.currency is not distinct from {{ other }}.currency
{%- endmacro %}


{#- What each row of a relation adds to a KPI on its `day`. `by` names the dimensions that
    apply, `under` those the relation has under another name. Money in its own currency
    (`original_amount`, in the relation's `currency`) stands beside the converted amount, whose
    currency is `presentation_currency`. A KPI may have several contributions, as a cost and
    what it is divided by. `variant_column`: where the relation holds several variants. `is_case`:
    each row is one case of a mean whose median is published too. Each row names its record: the
    model's `records` say per relation of which entity and under which id. All are cast here: a union of decimal(38, 4) and decimal(38, 6) keeps four places, DuckDB
    saving the digits before the point. -#}
{% macro contribution(
    kpi_key, of, day, numerator, denominator='null', where='true', currency='null',
    original_amount='null', by=[], under={}, variant='standard', variant_column=none,
    is_case=false
) %}
    select
        '{{ kpi_key }}' as kpi_key,
        {{ variant_column or "'" ~ variant ~ "'" }} as variant,
        {{ day }} as report_date,
        {{ currency }} as currency,
        {{ 'null' if original_amount == 'null' else 'currency' }} as original_currency,
        cast({{ original_amount }} as decimal(38, 6)) as original_amount,
        cast({{ numerator }} as decimal(38, 6)) as numerator,
        cast({{ denominator }} as decimal(38, 6)) as denominator,
        cast({{ numerator if is_case else 'null' }} as decimal(38, 6)) as case_value
        {%- for dimension in var('kpi_dimensions').values() %},
        {{ under.get(dimension, dimension if dimension in by else 'null') }} as {{ dimension }}
        {%- endfor %}
        {%- if execute and var('explain', false) %}
        {%- set record_type, record_id = model.config.meta.records[of] %},
        {{ record_type }} as record_type,
        cast({{ record_id }} as varchar) as record_id
        {%- endif %}
    from {{ of }}
    where {{ where }}
{% endmacro %}


{#- What every table of measures ends in: contributions summed to one row per KPI, variant, day,
    currency and set of dimension members. With the variable `explain` they stand as they are,
    each with the record it comes from: what `warehouse explain` lists (D-480). `of_stocks`: all of
    them are stocks, whose members nobody is shown on every day. -#}
{% macro sum_contributions(relation, of_stocks=false) %}
    {%- if var('explain', false) %}
    select * from {{ relation }}
    {%- else %}
    select
        cast(kpi_key as varchar) as kpi_key,
        cast(variant as varchar) as variant,
        cast(report_date as date) as report_date,
        cast(currency as varchar) as currency,
        cast(original_currency as varchar) as original_currency,
        cast({{ sum_known('original_amount') }} as decimal(38, 6)) as original_amount,
        cast({{ sum_known('numerator') }} as decimal(38, 6)) as numerator,
        cast(sum(denominator) as decimal(38, 6)) as denominator,
        -- A median cannot be added up, so its days keep the cases themselves; in order, so
        -- that the same cases are the same list.
        list(case_value order by case_value)
        filter (where case_value is not null) as case_values
        {%- for dimension in var('kpi_dimensions').values() %},
        {%- if of_stocks %}
        cast(case when shows_members then {{ dimension }} end as varchar) as {{ dimension }}
        {%- else %}
        cast({{ dimension }} as varchar) as {{ dimension }}
        {%- endif %}
        {%- endfor %}

    from
    {%- if of_stocks %} (
        select
            *,
            {{ shows_members('report_date') }} as shows_members
        from {{ relation }}
    ) as told
    {%- else %} {{ relation }}
    {%- endif %}
    {% if model.config.meta.dated %}{{ in_changed_days('report_date') }}{% endif %}
    group by all
    -- See macros/kept_days.sql.
    order by report_date
    {%- endif %}
{% endmacro %}


{#- A sum; one part nobody can value makes it unknown, not smaller. -#}
{% macro sum_known(amount) -%}
    case when count({{ amount }}) = count(*) then sum({{ amount }}) end
{%- endmacro %}


{#- 1 for a close that win_rate counts. Losses for reasons policy calls no real chance
    (disqualified, duplicate) are in neither side; the policy names what words of a CRM are
    mapped to. -#}
{% macro win_rate_weight(is_won) -%}
    {%- set reasons = var('policies').get('win_rate_excluded_reasons') or [] -%}
    {%- if reasons -%}
    (
        {{ is_won }}
        or coalesce(win_loss_reason not in (
            {%- for reason in reasons %}'{{ reason }}'{{ ", " if not loop.last }}{% endfor -%}
        ), true)
    )::integer
    {%- else -%}
    1
    {%- endif -%}
{%- endmacro %}


{#- Middle of a list of decimal(38, 6), of an even number the mean of the middle two; NULL of
    none. Exact: DuckDB's median() goes through DOUBLE, which makes 1.5 of 1.000001 and 2. -#}
{% macro exact_median(values) -%}
    cast(
        (
            list_sort({{ values }})[(len({{ values }}) + 1) // 2]
            + list_sort({{ values }})[len({{ values }}) // 2 + 1]
        ) * 0.5
        as decimal(38, 6)
    )
{%- endmacro %}


{#- New or existing at an event: existing = the buyer had bought something strictly earlier;
    unknown = no buyer recorded, or a buyer of something and no instant to compare with. -#}
{% macro customer_type(buyer_id, first_bought_at, event_at) -%}
    case
        when {{ buyer_id }} is null then '(unknown)'
        when {{ first_bought_at }} is null then 'new'
        when {{ event_at }} is null then '(unknown)'
        when {{ first_bought_at }} < {{ event_at }} then 'existing'
        else 'new'
    end
{%- endmacro %}


{#- Whether a figure stands at this grain: the days of some variants are of whole months. -#}
{% macro is_shown_at(variant, grain) -%}
    not ({{ variant }} in ('{{ var("monthly_variants") | join("', '") }}') and {{ grain }} in ('day', 'week'))
{%- endmacro %}
