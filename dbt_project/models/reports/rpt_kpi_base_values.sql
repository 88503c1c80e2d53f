{%- set dated = {
    'rpt_kpi_member_days': {
        'days': [
            'report_date',
            "date_trunc('week', report_date)::date",
            month_start('report_date'),
            fiscal_quarter_start('report_date'),
            fiscal_year_start('report_date'),
        ],
        'columns': [
            'kpi_key', 'variant', 'report_date', 'currency', 'breakdown', 'member_id',
            'original_amount', 'numerator', 'denominator', 'unknown_count', 'unrated_count',
            'case_values',
        ],
    },
    'rpt_kpi_periods': {
        'days': ['period_start_date'],
        'columns': [
            'kpi_key', 'aggregation', 'is_ratio', 'grain', 'period_start_date', 'period_end_date',
            'last_known_date', 'is_partial', 'matured_days', 'is_before_history',
        ],
    },
    'dim_dates': {
        'columns': [
            'date_day', 'week_start_date', 'month_start_date', 'fiscal_quarter_start_date',
            'fiscal_year_start_date',
        ],
    },
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'key': 'kpi_key', 'day': 'period_start_date', 'dated': dated},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

registry as (

    select * from {{ ref('dim_kpis') }}

),

kpi_periods as (

    {{ changed_rows('rpt_kpi_periods', dated['rpt_kpi_periods']) }}

),

member_days as (

    {{ changed_rows('rpt_kpi_member_days', dated['rpt_kpi_member_days']) }}

),

dates as (

    {{ changed_rows('dim_dates', dated['dim_dates']) }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

flow_days as (

    select
        member_days.*,
        dates.week_start_date,
        dates.month_start_date

    from member_days
    inner join registry
        on
            member_days.kpi_key = registry.kpi_key
            and registry.aggregation <> 'last'
    inner join dates
        on member_days.report_date = dates.date_day

),

-- Each day lies in one week and one month, each month in one quarter and one year: longer
-- periods add up the months, a tenth of the rows.
{%- for grain, relation, start in [
    ('week', 'flow_days', 'flow_days.week_start_date'),
    ('month', 'flow_days', 'flow_days.month_start_date'),
    ('quarter', 'month_values', 'dates.fiscal_quarter_start_date'),
    ('year', 'month_values', 'dates.fiscal_year_start_date'),
] %}
    {{ grain }}_values as (

        select
            {{ relation }}.kpi_key,
            {{ relation }}.variant,
            '{{ grain }}' as grain,
            {{ start }} as period_start_date,
            {{ relation }}.breakdown,
            {{ relation }}.member_id,
            {{ relation }}.currency,
            sum({{ relation }}.original_amount) as original_amount,
            sum({{ relation }}.numerator) as numerator,
            sum({{ relation }}.denominator) as denominator,
            flatten(
                list({{ relation }}.case_values)
                filter (where {{ relation }}.case_values is not null)
            ) as case_values,
            sum({{ relation }}.unknown_count)::bigint as unknown_count,
            sum({{ relation }}.unrated_count)::bigint as unrated_count

        from
            {{ relation }}
        {%- if relation == 'month_values' %}
        inner join dates
            on month_values.period_start_date = dates.date_day
        {%- endif %}
        group by 1, 2, 3, 4, 5, 6, 7

    ),
{% endfor %}
-- A stock is never summed over time: the period's last known day speaks. A stock about the
-- period itself, as a forecast, has a reading per length of period; days and weeks show that
-- of their month.
stock_values as (

    select
        member_days.kpi_key,
        case
            when member_days.variant in ('for_month', 'for_quarter') then 'standard'
            else member_days.variant
        end as variant,
        kpi_periods.grain,
        kpi_periods.period_start_date,
        member_days.breakdown,
        member_days.member_id,
        member_days.currency,
        member_days.original_amount,
        member_days.numerator,
        member_days.denominator,
        member_days.case_values,
        member_days.unknown_count,
        member_days.unrated_count

    from member_days
    inner join kpi_periods
        on
            member_days.kpi_key = kpi_periods.kpi_key
            and member_days.report_date = kpi_periods.last_known_date
            and kpi_periods.aggregation = 'last'
            and (
                kpi_periods.grain <> 'week'
                or member_days.breakdown = 'total'
                or kpi_periods.period_start_date
                > {{ as_of_date() }} - {{ var('recent_week_days') }}
            )
    where
        member_days.variant not in ('for_month', 'for_quarter')
        or member_days.variant
        = case kpi_periods.grain when 'quarter' then 'for_quarter' else 'for_month' end

),

values_by_period as (

    select
        kpi_key,
        variant,
        'day' as grain,
        report_date as period_start_date,
        breakdown,
        member_id,
        currency,
        original_amount,
        numerator,
        denominator,
        case_values,
        unknown_count,
        unrated_count

    from flow_days
    where breakdown = 'total' or report_date > {{ as_of_date() }} - {{ var('recent_days') }}
    union all
    select * from week_values
    where
        breakdown = 'total'
        or period_start_date > {{ as_of_date() }} - {{ var('recent_week_days') }}
    {%- for grain in ['month', 'quarter', 'year', 'stock'] %}
        union all
        select * from {{ grain }}_values
    {%- endfor %}

),

values_summed as (

    select
        * exclude (unknown_count, unrated_count),
        unknown_count > 0 as has_unknown,
        unrated_count > 0 as has_unrated,
        unknown_count - unrated_count > 0 as has_unrecorded

    from values_by_period
    {{ in_changed_days('period_start_date') }}

),

-- The company's own row exists for every period and currency, also where nothing happened.
total_rows as (

    select
        kpi_periods.kpi_key,
        unnest(list_concat(['standard'], string_split(registry.variants, '|'))) as variant,
        kpi_periods.grain,
        kpi_periods.period_start_date,
        'total' as breakdown,
        '(total)' as member_id,
        currencies.currency_id as currency

    from kpi_periods
    inner join registry
        on kpi_periods.kpi_key = registry.kpi_key
    left join currencies
        on registry.unit = 'money'
    where registry.aggregation <> 'derived'

),

totals_missing as (

    select total_rows.*
    from total_rows
    anti join values_summed
        on
            {{ same_figure('total_rows', 'values_summed', but=['member_id']) }}

),

values_filled as (

    select * from values_summed

    union all

    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        breakdown,
        member_id,
        currency,
        cast(null as decimal(38, 6)) as original_amount,
        -- The source is read and holds nothing for the period: a measured zero. Where
        -- there is no source the value is blanked below.
        cast(0 as decimal(38, 6)) as numerator,
        cast(null as decimal(38, 6)) as denominator,
        null as case_values,
        false as has_unknown,
        false as has_unrated,
        false as has_unrecorded

    from totals_missing

),

-- A variant may need an entity its KPI does not.
variant_entities as (

    select
        unnest(['{{ var("variant_entities").keys() | join("', '") }}']) as variant,
        unnest(['{{ var("variant_entities").values() | join("', '") }}']) as entity

),

variants_without_source as (

    select variant
    from variant_entities
    where
        not list_contains(cast({{ var('configured_entities') }} as varchar[]), entity)

),

-- A share divides by the company's own sum of the same period; what is unknown of that sum
-- makes every share of it unknown.
company_sums as (

    select
        values_filled.kpi_key,
        values_filled.variant,
        values_filled.grain,
        values_filled.period_start_date,
        values_filled.currency,
        values_filled.numerator,
        values_filled.has_unknown

    from values_filled
    inner join registry
        on
            values_filled.kpi_key = registry.kpi_key
            and registry.aggregation = 'share'
    where values_filled.breakdown = 'total'

),

values_shared as (

    select
        values_filled.* exclude (denominator, has_unknown),
        coalesce(company_sums.numerator, values_filled.denominator) as denominator,
        values_filled.has_unknown or coalesce(company_sums.has_unknown, false) as has_unknown

    from values_filled
    left join company_sums
        on
            {{ same_figure('values_filled', 'company_sums', but=['breakdown', 'member_id']) }}

),

values_judged as (

    select
        values_shared.*,
        registry.aggregation,
        kpi_periods.is_ratio,
        -- A sum's denominator, where it has one, counts the parts that have an amount.
        not kpi_periods.is_ratio and coalesce(values_shared.denominator = 0, false)
            as is_without_amounts,
        -- People reached twice are not two people: several measurements make no figure.
        registry.aggregation = 'single' and coalesce(values_shared.denominator > 1, false)
            as is_several,
        kpi_periods.period_end_date,
        -- Cases still open may yet be decided: a cohort is whole when its window has ended.
        kpi_periods.is_partial
        or coalesce(
            kpi_periods.matured_days < coalesce(
                -- Events over events of the same period are no cohort.
                case when values_shared.variant = 'period' then 0 end,
                try_cast(
                    regexp_extract(values_shared.variant, '^days_([0-9]+)$', 1) as integer
                ),
                registry.window_days
            ),
            false
        ) as is_partial,
        kpi_periods.is_before_history,
        registry.has_source and variants_without_source.variant is null as has_source,
        registry.has_source
        and variants_without_source.variant is null
        and not kpi_periods.is_before_history
        and not values_shared.has_unrecorded as is_recorded,
        registry.has_source
        and variants_without_source.variant is null
        and not kpi_periods.is_before_history
        and not values_shared.has_unknown
        and not (
            registry.aggregation = 'single'
            and coalesce(values_shared.denominator > 1, false)
        )
        and (
            kpi_periods.is_ratio
            or coalesce(values_shared.denominator <> 0, true)
        ) as is_known

    from values_shared
    inner join registry
        on values_shared.kpi_key = registry.kpi_key
    inner join kpi_periods
        on
            values_shared.kpi_key = kpi_periods.kpi_key
            and values_shared.grain = kpi_periods.grain
            and values_shared.period_start_date = kpi_periods.period_start_date
    left join variants_without_source
        on values_shared.variant = variants_without_source.variant

)

select
    kpi_key,
    variant,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    currency,
    -- A missing rate hides the converted amount only: what was spent stays known.
    cast(case when is_recorded then original_amount end as decimal(38, 6))
        as original_amount,
    -- A median is no quotient; its denominator says of how many cases it is the middle.
    cast(case when is_known and variant <> 'median' then numerator end as decimal(38, 6))
        as numerator,
    cast(
        case when is_known and is_ratio then coalesce(denominator, 0) end
        as decimal(38, 6)
    ) as denominator,
    case
        when not is_known then null
        when variant = 'median' then {{ exact_median('case_values') }}
        when is_ratio then {{ safe_divide('numerator', 'denominator') }}
        else cast(numerator as decimal(38, 6))
    end as value,
    is_partial,
    is_before_history,
    list_filter(
        [
            case when has_source and not is_before_history and has_unrated then 'no_rate' end,
            case
                when
                    has_source
                    and not is_before_history
                    and (is_without_amounts or (has_unrecorded and aggregation <> 'last'))
                    then 'no_amount'
            end,
            -- A stock's amount on a past day that no log tells.
            case
                when
                    has_source
                    and (is_before_history or (has_unrecorded and aggregation = 'last'))
                    then 'no_history'
            end,
            case when has_source and is_several then 'not_additive' end,
            case when not has_source then 'no_source' end
        ],
        lambda flag: flag is not null
    ) as flag

from values_judged
where {{ is_shown_at('variant', 'grain') }}
order by 4
