with

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}
    where kpi_key = 'pipeline_coverage'

),

registry as (

    select * from {{ ref('dim_kpis') }}
    where kpi_key = 'pipeline_coverage'

),

breakdowns as (

    select unnest(string_split(breakdowns, '|')) as breakdown
    from registry

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

targets as (

    select * from {{ ref('rpt_target_values') }}
    where kpi_key = 'sales_bookings'

),

base_values as (

    select * from {{ ref('rpt_kpi_base_values') }}
    where kpi_key in ('open_pipeline_due', 'sales_bookings') and variant = 'standard'

),

-- The company's row stands in every period; members where they have a target.
asked as (

    select
        kpi_periods.*,
        'total' as breakdown,
        '(total)' as member_id,
        currencies.currency_id as currency

    from kpi_periods
    cross join currencies
    union all
    select
        kpi_periods.*,
        targets.breakdown,
        targets.member_id,
        targets.currency

    from kpi_periods
    inner join targets
        on
            kpi_periods.grain = targets.grain
            and kpi_periods.period_start_date = targets.period_start_date
    semi join breakdowns
        on targets.breakdown = breakdowns.breakdown
    where targets.breakdown <> 'total'

),

-- A member without a row has nothing where the company has a figure.
parts_found as (

    select
        asked.*,
        targets.prorated_current_value as target_value,
        case
            when due.member_id is not null then due.value
            when due_totals.value is not null then 0
        end as due_value,
        case
            when won.member_id is not null then won.value
            when won_totals.value is not null then 0
        end as won_value,
        won.flag as won_flag

    from asked
    left join targets
        on
            asked.grain = targets.grain
            and asked.period_start_date = targets.period_start_date
            and asked.breakdown = targets.breakdown
            and asked.member_id = targets.member_id
            and asked.currency = targets.currency
    {%- for part, kpi_key in [
        ('due', 'open_pipeline_due'), ('won', 'sales_bookings')
    ] %}
        left join base_values as {{ part }}
            on
                {{ part }}.kpi_key = '{{ kpi_key }}'
                and asked.grain = {{ part }}.grain
                and asked.period_start_date = {{ part }}.period_start_date
                and asked.breakdown = {{ part }}.breakdown
                and asked.member_id = {{ part }}.member_id
                and asked.currency = {{ part }}.currency
        left join base_values as {{ part }}_totals
            on
                {{ part }}_totals.kpi_key = '{{ kpi_key }}'
                and asked.grain = {{ part }}_totals.grain
                and asked.period_start_date = {{ part }}_totals.period_start_date
                and {{ part }}_totals.breakdown = 'total'
                and asked.currency = {{ part }}_totals.currency
    {%- endfor %}

),

missing_parts as (

    select
        *,
        cast(target_value - won_value as decimal(38, 6)) as missing_value

    from parts_found

)

select
    registry.kpi_key,
    'standard' as variant,
    missing_parts.grain,
    missing_parts.period_start_date,
    missing_parts.period_end_date,
    missing_parts.breakdown,
    missing_parts.member_id,
    missing_parts.currency,
    cast(null as decimal(38, 6)) as original_amount,
    case when registry.has_source then missing_parts.due_value end as numerator,
    case when registry.has_source then missing_parts.missing_value end as denominator,
    case
        when registry.has_source and missing_parts.missing_value > 0
            then {{ safe_divide('missing_parts.due_value', 'missing_parts.missing_value') }}
    end as value,
    missing_parts.is_partial,
    missing_parts.is_before_history,
    case
        when not registry.has_source then ['no_source']
        when missing_parts.target_value is null then ['no_target']
        when missing_parts.missing_value <= 0 then ['target_met']
        -- What was won is unknown, and so is what is missing: the won figure says why.
        when missing_parts.missing_value is null then coalesce(missing_parts.won_flag, [])
        else cast([] as varchar[])
    end as flag

from missing_parts
cross join registry
