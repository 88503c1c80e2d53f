{#- First day of the period a day lies in, by the company's calendar (R-CAL). Gregorian months with
    a shifted fiscal year, or 4-4-5: whole weeks, a year beginning on the Monday nearest to the
    first of its first month, quarters of 4, 4 and 5 weeks; the week a year of 53 has over
    belongs to its last month. Everything that groups by period takes it from here or from
    dim_dates, which does too. -#}
{% macro fiscal_year_start(day) -%}
    {%- if var('calendar') == '4-4-5' -%}
    case
        when {{ day }} >= {{ week_year_start(day, 1) }} then {{ week_year_start(day, 1) }}
        when {{ day }} >= {{ week_year_start(day, 0) }} then {{ week_year_start(day, 0) }}
        else {{ week_year_start(day, -1) }}
    end
    {%- else -%}
    {%- set shift = 'to_months(' ~ (var('fiscal_year_start_month') - 1) ~ ')' -%}
    (date_trunc('year', {{ day }} - {{ shift }}) + {{ shift }})::date
    {%- endif -%}
{%- endmacro %}


{% macro fiscal_quarter_start(day) -%}
    {%- if var('calendar') == '4-4-5' -%}
    ({{ fiscal_year_start(day) }} + (91 * {{ fiscal_quarter_index(day) }})::integer)
    {%- else -%}
    {%- set shift = 'to_months(' ~ (var('fiscal_year_start_month') - 1) ~ ')' -%}
    (date_trunc('quarter', {{ day }} - {{ shift }}) + {{ shift }})::date
    {%- endif -%}
{%- endmacro %}


{% macro month_start(day) -%}
    {%- if var('calendar') == '4-4-5' -%}
    (
        {{ fiscal_quarter_start(day) }}
        + (28 * least(({{ day }} - {{ fiscal_quarter_start(day) }}) // 28, 2))::integer
    )
    {%- else -%}
    date_trunc('month', {{ day }})::date
    {%- endif -%}
{%- endmacro %}


{#- First day of the company's month that people mean by a calendar month: what is booked or
    planned `for March` belongs to the third month. The middle of a calendar month lies in it,
    its first day may not (4-4-5 begins the fourth month of 2029 on 2 April). -#}
{% macro stated_month_start(month) -%}
    {{ month_start("(date_trunc('month', " ~ month ~ ")::date + 14)") }}
{%- endmacro %}


{#- What people call the company's month that begins on a day, as `2026-10`: the calendar month
    its fifteenth day lies in. Two months of a 4-4-5 year may begin in one calendar month
    (3 and 31 May 2027). -#}
{% macro month_name(month_start_date) -%}
    strftime({{ month_start_date }} + 14, '%Y-%m')
{%- endmacro %}


{#- First day of the month after the one that begins on a day: a month has 28 to 42 days. -#}
{% macro next_month_start(month_start_date) -%}
    {{ month_start('(' ~ month_start_date ~ ' + 42)') }}
{%- endmacro %}


{#- Which quarter of a 4-4-5 year a day lies in, 0 to 3; the 53rd week is the last one's. -#}
{% macro fiscal_quarter_index(day) -%}
    least(({{ day }} - {{ fiscal_year_start(day) }}) // 91, 3)
{%- endmacro %}


{#- The Monday nearest to the first of the fiscal month, in the calendar year `years` after the
    day's: three days on, it is the Monday of that week. -#}
{% macro week_year_start(day, years) -%}
    date_trunc(
        'week',
        make_date((year({{ day }}) + {{ years }})::integer, {{ var('fiscal_year_start_month') }}, 1) + 3
    )::date
{%- endmacro %}


{#- dim_periods with a running number per grain. Comparisons go by number, never by date: the
    same month of the year before is twelve numbers back in every calendar. -#}
{% macro numbered_periods() -%}
    select
        *,
        row_number() over (
            partition by grain
            order by period_start_date
        ) as period_number

    from {{ ref('dim_periods') }}
{%- endmacro %}


{#- How many periods of a grain make a quarter or a year; NULL = the grain has no such period. -#}
{% macro periods_per(span, grain) -%}
    {%- set counts = {
        'quarter': {'month': 3, 'quarter': 1},
        'year': {'week': 52, 'month': 12, 'quarter': 4, 'year': 1},
    } -%}
    case {{ grain }}
        {%- for name, count in counts[span].items() %}
        when '{{ name }}' then {{ count }}
        {%- endfor %}
    end
{%- endmacro %}
