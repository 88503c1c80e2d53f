with

registry as (

    select * from {{ ref('dim_kpis') }}

),

kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

member_days as (

    select * from {{ ref('rpt_kpi_member_days') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- Each day lies in exactly one period of each grain.
days_in_periods as (

    select
        date_day,
        'day' as grain,
        date_day as period_start_date

    from dates
    union all
    select
        date_day,
        'week' as grain,
        week_start_date as period_start_date

    from dates
    union all
    select
        date_day,
        'month' as grain,
        month_start_date as period_start_date

    from dates
    union all
    select
        date_day,
        'quarter' as grain,
        fiscal_quarter_start_date as period_start_date

    from dates
    union all
    select
        date_day,
        'year' as grain,
        fiscal_year_start_date as period_start_date

    from dates

),

values_summed as (

    select
        member_days.kpi_key,
        member_days.variant,
        kpi_periods.grain,
        kpi_periods.period_start_date,
        member_days.breakdown,
        member_days.member_id,
        member_days.currency,
        sum(member_days.original_amount) as original_amount,
        sum(member_days.numerator) as numerator,
        sum(member_days.denominator) as denominator,
        flatten(list(member_days.case_values) filter (where member_days.case_values is not null))
            as case_values,
        sum(member_days.unknown_count) > 0 as has_unknown,
        sum(member_days.unrated_count) > 0 as has_unrated,
        sum(member_days.unknown_count - member_days.unrated_count) > 0 as has_unrecorded

    from member_days
    inner join days_in_periods
        on member_days.report_date = days_in_periods.date_day
    inner join kpi_periods
        on
            member_days.kpi_key = kpi_periods.kpi_key
            and days_in_periods.grain = kpi_periods.grain
            and days_in_periods.period_start_date = kpi_periods.period_start_date
            -- A stock is never summed over time: the period's last known day speaks.
            and (
                kpi_periods.aggregation <> 'last'
                or member_days.report_date = kpi_periods.last_known_date
            )
    group by 1, 2, 3, 4, 5, 6, 7

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
            total_rows.kpi_key = values_summed.kpi_key
            and total_rows.variant = values_summed.variant
            and total_rows.grain = values_summed.grain
            and total_rows.period_start_date = values_summed.period_start_date
            and total_rows.breakdown = values_summed.breakdown
            and total_rows.currency is not distinct from values_summed.currency

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

values_judged as (

    select
        values_filled.*,
        registry.aggregation,
        -- A sum's denominator, where it has one, counts the parts that have an amount.
        registry.aggregation <> 'ratio' and coalesce(values_filled.denominator = 0, false)
            as is_without_amounts,
        kpi_periods.period_end_date,
        kpi_periods.is_partial,
        kpi_periods.data_through_date,
        kpi_periods.is_before_history,
        registry.has_source,
        registry.has_source
        and not kpi_periods.is_before_history
        and not values_filled.has_unrecorded as is_recorded,
        registry.has_source
        and not kpi_periods.is_before_history
        and not values_filled.has_unknown
        and (
            registry.aggregation = 'ratio'
            or coalesce(values_filled.denominator <> 0, true)
        ) as is_known

    from values_filled
    inner join registry
        on values_filled.kpi_key = registry.kpi_key
    inner join kpi_periods
        on
            values_filled.kpi_key = kpi_periods.kpi_key
            and values_filled.grain = kpi_periods.grain
            and values_filled.period_start_date = kpi_periods.period_start_date

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
        case when is_known and aggregation = 'ratio' then coalesce(denominator, 0) end
        as decimal(38, 6)
    ) as denominator,
    case
        when not is_known then null
        when variant = 'median' then {{ exact_median('case_values') }}
        when aggregation = 'ratio' then {{ safe_divide('numerator', 'denominator') }}
        else cast(numerator as decimal(38, 6))
    end as value,
    is_partial,
    data_through_date,
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
            case when not has_source then 'no_source' end
        ],
        lambda flag: flag is not null
    ) as flag

from values_judged
