{%- set measures = ['value_original', 'numerator', 'value'] -%}
with

closes as (

    select * from {{ ref('dim_closes') }}

),

closed_figures as (

    select * from {{ ref('fct_closed_figures') }}

),

figures_compared as (

    select * from {{ ref('rpt_closed_figures_compared') }}

),

kpi_values as (

    select * from {{ ref('rpt_kpi_values_judged') }}
    where grain in ('month', 'quarter', 'year')

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

periods as (

    select * from {{ ref('dim_periods') }}
    where grain in ('month', 'quarter', 'year') and is_started

),

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

members as (

    select * from {{ ref('rpt_members') }}

),

areas_closed as (

    select distinct
        area,
        area_closed_from_date,
        area_closed_through_date

    from closes

),

-- Where what came late is shown: the month after the last closed one, and the quarter and the
-- year it lies in.
periods_adjusted as (

    select
        areas_closed.area,
        periods.grain,
        periods.period_start_date,
        periods.period_end_date

    from areas_closed
    inner join periods
        on
            areas_closed.area_closed_through_date + 1
            between periods.period_start_date and periods.period_end_date

),

-- What the closed months' own rows give now, beyond what is signed of them. An amount unknown
-- on either side is no difference: there is none from the unknown; and one computed by another
-- definition or policy is another figure, not a late one.
months_compared as (

    select
        figures_compared.*,
        case when figures_compared.is_computed then figures_compared.value_original else 0 end
        - case
            when figures_compared.is_frozen then figures_compared.signed_value_original else 0
        end as late_value_original,
        case when figures_compared.is_computed then figures_compared.numerator else 0 end
        - case
            when figures_compared.is_frozen then figures_compared.signed_numerator else 0
        end as late_numerator,
        case when figures_compared.is_computed then figures_compared.value else 0 end
        - case
            when figures_compared.is_frozen then figures_compared.signed_value else 0
        end as late_value

    from figures_compared
    inner join registry
        on
            figures_compared.kpi_key = registry.kpi_key
            and registry.additivity = 'additive'
            and registry.aggregation = 'sum'
    where
        figures_compared.grain = 'month'
        and (
            not figures_compared.is_computed
            or figures_compared.kpi_version = figures_compared.signed_kpi_version
        )

),

-- A quarter holds the late rows of its own months already, so only those of months before it
-- are added.
adjustments as (

    select
        months_compared.kpi_key,
        months_compared.variant,
        periods_adjusted.grain,
        periods_adjusted.period_start_date,
        periods_adjusted.period_end_date,
        months_compared.breakdown,
        months_compared.member_id,
        months_compared.currency,
        sum(months_compared.late_value_original) as value_original,
        sum(months_compared.late_numerator) as numerator,
        sum(months_compared.late_value) as value

    from months_compared
    inner join periods_adjusted
        on
            months_compared.area = periods_adjusted.area
            and months_compared.period_end_date < periods_adjusted.period_start_date
    group by all
    having
        sum(months_compared.late_value_original) <> 0
        or sum(months_compared.late_numerator) <> 0
        or sum(months_compared.late_value) <> 0

),

kpi_periods_frozen as (

    select distinct
        kpi_key,
        grain,
        period_start_date

    from closed_figures

),

values_open as (

    select
        kpi_values.*,
        members.member_name

    from kpi_values
    inner join areas_closed
        on kpi_values.theme = areas_closed.area
    inner join registry
        on kpi_values.kpi_key = registry.kpi_key
    left join kpi_periods_frozen
        on
            kpi_values.kpi_key = kpi_periods_frozen.kpi_key
            and kpi_values.grain = kpi_periods_frozen.grain
            and kpi_values.period_start_date = kpi_periods_frozen.period_start_date
    left join members
        on
            kpi_values.breakdown = members.breakdown
            and kpi_values.member_id = members.member_id
    where
        kpi_periods_frozen.kpi_key is null
        and kpi_values.period_end_date >= areas_closed.area_closed_from_date
        -- What a closed month lacks was no KPI then; only an open window makes it wait.
        and (
            kpi_values.period_end_date > areas_closed.area_closed_through_date
            or registry.freezes_at = 'window_end'
        )

),

values_adjusted as (

    select
        {%- for column in figure_key() %}
            coalesce(values_open.{{ column }}, adjustments.{{ column }}) as {{ column }},
        {%- endfor %}
        coalesce(values_open.period_end_date, adjustments.period_end_date) as period_end_date,
        coalesce(values_open.member_name, members.member_name) as member_name,
        registry.version as kpi_version,
        registry.unit,
        {%- for measure in measures %}
            case
                when values_open.kpi_key is null then adjustments.{{ measure }}
                else values_open.{{ measure }} + coalesce(adjustments.{{ measure }}, 0)
            end as {{ measure }},
        {%- endfor %}
        values_open.denominator,
        registry.additivity,
        coalesce(values_open.is_partial, kpi_periods.is_partial) as is_partial,
        coalesce(values_open.low_sample, false) as low_sample,
        case
            when adjustments.kpi_key is null then values_open.flag
            else
                list_sort(
                    list_append(coalesce(values_open.flag, []), 'prior_period_adjustment')
                )
        end as flag,
        coalesce(values_open.history_basis, 'source_history') as history_basis,
        registry.theme

    from values_open
    full join adjustments
        on
            {{ same_figure('values_open', 'adjustments') }}
    inner join registry
        on coalesce(values_open.kpi_key, adjustments.kpi_key) = registry.kpi_key
    left join kpi_periods
        on
            adjustments.kpi_key = kpi_periods.kpi_key
            and adjustments.grain = kpi_periods.grain
            and adjustments.period_start_date = kpi_periods.period_start_date
    left join members
        on
            adjustments.breakdown = members.breakdown
            and adjustments.member_id = members.member_id

),

values_as_closed as (

    select
        kpi_key,
        kpi_version,
        variant,
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
        area as theme

    from closed_figures
    union all by name
    select * from values_adjusted

)

select
    {{ surrogate_key([
        'kpi_key',
        'variant',
        "'as_closed'",
        'grain',
        'period_start_date',
        'breakdown',
        'member_id',
        'currency',
    ]) }} as kpi_value_id,
    kpi_key,
    kpi_version,
    variant,
    'as_closed' as basis,
    grain,
    period_start_date,
    period_end_date,
    breakdown,
    member_id,
    coalesce(member_name, member_id) as member_name,
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
    theme

from values_as_closed
