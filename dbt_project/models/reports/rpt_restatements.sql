with

figures_compared as (

    select * from {{ ref('rpt_closed_figures_compared') }}

),

closes as (

    select * from {{ ref('dim_closes') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

changed_rows as (

    select * from {{ ref('fct_changed_rows') }}

),

members as (

    select * from {{ ref('rpt_members') }}

),

figures_restated as (

    select
        figures_compared.*,
        closes.signed_load_date

    from figures_compared
    inner join closes
        on figures_compared.close_id = closes.close_id
    where
        (
            figures_compared.is_computed
            or coalesce(
                figures_compared.computed_value,
                figures_compared.computed_numerator,
                figures_compared.computed_denominator,
                figures_compared.computed_value_original
            ) is not null
        )
        and (
            {%- for measure in ['value', 'numerator', 'denominator', 'value_original'] %}
                figures_compared.computed_{{ measure }}
                is distinct from figures_compared.{{ measure }}
                {{- " or" if not loop.last }}
            {%- endfor %}
        )

),

-- Rates turn amounts into other currencies, whatever the KPI is of.
entities_needed as (

    select
        kpi_key,
        unnest(string_split(required_entities, '|')) as entity

    from registry
    union
    select
        kpi_key,
        'fx_rates' as entity

    from registry
    where unit = 'money'

),

periods_restated as (

    select distinct
        kpi_key,
        grain,
        period_start_date,
        period_end_date,
        signed_load_date

    from figures_restated

),

entity_periods as (

    select distinct
        entities_needed.entity,
        periods_restated.grain,
        periods_restated.period_start_date,
        periods_restated.period_end_date,
        periods_restated.signed_load_date

    from periods_restated
    inner join entities_needed
        on periods_restated.kpi_key = entities_needed.kpi_key

),

-- What was loaded after the figures were signed and tells of the period, or of what led to it.
rows_found as (

    select
        entity_periods.entity,
        entity_periods.grain,
        entity_periods.period_start_date,
        entity_periods.signed_load_date,
        changed_rows.batch_id,
        changed_rows.load_date,
        changed_rows.source_name || ' ' || changed_rows.source_entity || ' '
        || changed_rows.record || ' ' || changed_rows.change as row_name,
        bool_or(changed_rows.changed_date >= entity_periods.period_start_date) as is_within

    from entity_periods
    inner join changed_rows
        on
            entity_periods.entity = changed_rows.entity
            and entity_periods.signed_load_date < changed_rows.load_date
            and entity_periods.period_end_date >= changed_rows.changed_date
    group by 1, 2, 3, 4, 5, 6, 7

),

kpi_rows_found as (

    select
        periods_restated.kpi_key,
        periods_restated.grain,
        periods_restated.period_start_date,
        rows_found.batch_id,
        rows_found.load_date,
        rows_found.row_name,
        rows_found.is_within,
        bool_or(rows_found.is_within) over (
            partition by
                periods_restated.kpi_key,
                periods_restated.grain,
                periods_restated.period_start_date
        ) as has_within

    from periods_restated
    inner join entities_needed
        on periods_restated.kpi_key = entities_needed.kpi_key
    inner join rows_found
        on
            entities_needed.entity = rows_found.entity
            and periods_restated.grain = rows_found.grain
            and periods_restated.period_start_date = rows_found.period_start_date
            and periods_restated.signed_load_date = rows_found.signed_load_date

),

-- Rows of earlier days speak only where none of the period itself does: a subscription begun
-- in the past moves the recurring revenue of every month since.
kpi_rows_named as (

    select
        kpi_key,
        grain,
        period_start_date,
        min(load_date) as first_load_date,
        list(distinct batch_id order by batch_id) as batch_ids,
        list(distinct row_name order by row_name) as row_names

    from kpi_rows_found
    where is_within or not has_within
    group by 1, 2, 3

)

select
    {{ surrogate_key([
        'figures_restated.kpi_key',
        'figures_restated.variant',
        'figures_restated.grain',
        'figures_restated.period_start_date',
        'figures_restated.breakdown',
        'figures_restated.member_id',
        'figures_restated.currency',
    ]) }} as restatement_id,
    figures_restated.close_id,
    figures_restated.kpi_key,
    figures_restated.signed_kpi_version,
    figures_restated.kpi_version,
    figures_restated.variant,
    figures_restated.grain,
    figures_restated.period_start_date,
    figures_restated.period_end_date,
    figures_restated.breakdown,
    figures_restated.member_id,
    coalesce(
        figures_restated.member_name, members.member_name, figures_restated.member_id
    ) as member_name,
    figures_restated.unit,
    figures_restated.currency,
    figures_restated.computed_value as old_value,
    figures_restated.value as new_value,
    case
        when not figures_restated.is_computed then 0 - figures_restated.computed_value
        when not figures_restated.is_frozen then figures_restated.value
        else figures_restated.value - figures_restated.computed_value
    end as delta_value,
    figures_restated.computed_numerator as old_numerator,
    figures_restated.numerator as new_numerator,
    figures_restated.computed_denominator as old_denominator,
    figures_restated.denominator as new_denominator,
    figures_restated.signed_value,
    case
        when
            split_part(figures_restated.signed_kpi_version, '+', 1)
            <> split_part(figures_restated.kpi_version, '+', 1) then 'definition'
        when figures_restated.signed_kpi_version <> figures_restated.kpi_version then 'policy'
        when kpi_rows_named.kpi_key is not null then 'data'
        else 'model'
    end as cause,
    -- Ratios, stocks and distinct counts have no place in another period.
    coalesce(
        figures_restated.additivity = 'additive'
        and registry.aggregation = 'sum'
        and (
            not figures_restated.is_computed
            or figures_restated.signed_kpi_version = figures_restated.kpi_version
        ),
        false
    ) as is_adjusted,
    kpi_rows_named.first_load_date - 1 as first_seen_as_of_date,
    coalesce(kpi_rows_named.batch_ids, []::varchar[]) as batch_ids,
    coalesce(len(kpi_rows_named.row_names), 0)::bigint as changed_row_count,
    coalesce(kpi_rows_named.row_names[1:50], []::varchar[]) as changed_rows,
    figures_restated.area as theme,
    '{{ var("build_id") }}' as build_id

from figures_restated
left join registry
    on figures_restated.kpi_key = registry.kpi_key
left join members
    on
        figures_restated.breakdown = members.breakdown
        and figures_restated.member_id = members.member_id
left join kpi_rows_named
    on
        figures_restated.kpi_key = kpi_rows_named.kpi_key
        and figures_restated.grain = kpi_rows_named.grain
        and figures_restated.period_start_date = kpi_rows_named.period_start_date
