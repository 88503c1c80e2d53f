{#- Figures put together from other figures: sums over sums, told by numerator_kpis and
    denominator_kpis of the registry. Terms are separated by `|`; a term reads
    `[-][n*]factor[*factor]` (three at most), a factor `kpi_key[/variant][@opening][@total][@days]`: the figure of the
    period before (stocks: the opening), of the company instead of the member, times the days of
    the period that are over. Products are
    rounded to six places, so that a reader can do them from the table.

    `values` is a relation of the figures that are there already. KPIs of measures alone are
    first; `is_compound`: those that divide or multiply KPIs which are quotients themselves. -#}
{% macro quotient_values(values, is_compound) %}
kpi_periods as (

    select * from {{ ref('rpt_kpi_periods') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

periods as (

    select * from {{ ref('dim_periods') }}

),

currencies as (

    select currency_id as currency from {{ ref('dim_currencies') }}
    where is_presentation

),

terms as (

    select
        kpi_key,
        'numerator' as side,
        unnest(string_split(numerator_kpis, '|')) as term

    from registry
    union all
    select
        kpi_key,
        'denominator' as side,
        unnest(string_split(denominator_kpis, '|')) as term

    from registry

),

factors as (

    select
        kpi_key,
        side,
        term,
        case when term like '-%' then -1 else 1 end
        * coalesce(
            try_cast(nullif(regexp_extract(term, '^-?([0-9]+)\*', 1), '') as integer), 1
        ) as factor,
        unnest(string_split(regexp_replace(term, '^-?([0-9]+\*)?', ''), '*')) as part

    from terms

),

parts_named as (

    select
        factors.*,
        row_number() over (
            partition by factors.kpi_key, factors.side, factors.term
            order by factors.part
        ) as part_number,
        part_registry.kpi_key as part_key,
        part_registry.unit = 'money' as is_money,
        part_registry.aggregation = 'derived' as is_derived,
        string_split(part_registry.breakdowns, '|') as part_breakdowns,
        nullif(regexp_extract(factors.part, '/([a-z_0-9]+)', 1), '') as named_variant,
        factors.part like '%@opening%' as is_opening,
        factors.part like '%@total%' as is_of_company,
        factors.part like '%@days%' as is_times_days

    from factors
    inner join registry as part_registry
        on regexp_extract(factors.part, '^([a-z_]+)', 1) = part_registry.kpi_key

),

quotients as (

    select
        parts_named.kpi_key,
        bool_or(parts_named.is_derived) as is_compound

    from parts_named
    group by 1

),

parts as (

    select parts_named.*
    from parts_named
    semi join quotients
        on
            parts_named.kpi_key = quotients.kpi_key
            and quotients.is_compound = {{ is_compound }}

),

-- Which later period an opening stands for.
openings as (

    select
        earlier.grain,
        earlier.period_start_date as part_start_date,
        later.period_start_date

    from periods as earlier
    inner join periods as later
        on
            earlier.grain = later.grain
            and earlier.period_end_date = later.period_start_date - 1

),

part_values as (

    select
        parts.kpi_key,
        parts.side,
        parts.term,
        parts.part,
        figures.variant,
        figures.grain,
        coalesce(openings.period_start_date, figures.period_start_date)
            as period_start_date,
        figures.breakdown,
        figures.member_id,
        figures.currency,
        figures.value,
        figures.is_partial,
        figures.is_before_history,
        figures.flag

    from parts
    inner join {{ values }} as figures
        on parts.part_key = figures.kpi_key
    -- Whether a part is an opening is asked within the key: beside it, DuckDB compares every
    -- figure with every period.
    left join openings
        on
            case when parts.is_opening then figures.grain end = openings.grain
            and figures.period_start_date = openings.part_start_date
    where not parts.is_opening or openings.period_start_date is not null

),

money_quotients as (

    select
        kpi_key,
        bool_or(is_money) as has_money

    from parts
    group by 1

),

currencies_of_quotients as (

    select
        money_quotients.kpi_key,
        currencies.currency

    from money_quotients
    left join currencies
        on money_quotients.has_money

),

breakdowns as (

    select
        kpi_key,
        unnest(string_split(breakdowns, '|')) as breakdown,
        list_concat(['standard'], string_split(variants, '|')) as variants

    from registry
    where numerator_kpis is not null

),

-- Members either side has; the company's own row exists for every period a part is taken in:
-- stocks are not taken on every day of the past.
members as (

    select distinct
        part_values.kpi_key,
        part_values.grain,
        part_values.period_start_date,
        part_values.breakdown,
        part_values.member_id

    from part_values
    where part_values.breakdown <> 'total'
    union all
    select
        kpi_periods.kpi_key,
        kpi_periods.grain,
        kpi_periods.period_start_date,
        'total' as breakdown,
        '(total)' as member_id

    from kpi_periods
    semi join part_values
        on
            kpi_periods.kpi_key = part_values.kpi_key
            and kpi_periods.grain = part_values.grain
            and kpi_periods.period_start_date = part_values.period_start_date

),

variants_asked as (

    select
        kpi_key,
        breakdown,
        unnest(variants) as variant

    from breakdowns

),

asked as (

    select
        members.*,
        variants_asked.variant,
        currencies_of_quotients.currency,
        kpi_periods.period_end_date,
        kpi_periods.last_known_date,
        kpi_periods.is_partial

    from members
    inner join variants_asked
        on
            members.kpi_key = variants_asked.kpi_key
            and members.breakdown = variants_asked.breakdown
            and {{ is_shown_at('variants_asked.variant', 'members.grain') }}
    inner join currencies_of_quotients
        on members.kpi_key = currencies_of_quotients.kpi_key
    inner join kpi_periods
        on
            members.kpi_key = kpi_periods.kpi_key
            and members.grain = kpi_periods.grain
            and members.period_start_date = kpi_periods.period_start_date

),

-- Rates of money are figures of a currency, as money is.
parts_of_currency as (

    select
        kpi_key,
        part,
        bool_or(currency is not null) as has_currency

    from part_values
    group by 1, 2

),

-- A part without the asked variant has one reading only.
variants_found as (

    select distinct
        kpi_key,
        part,
        variant

    from part_values

),

asked_parts as (

    select
        asked.*,
        parts.side,
        parts.term,
        parts.part,
        parts.part_number,
        parts.factor,
        parts.is_times_days,
        coalesce(parts_of_currency.has_currency, parts.is_money) as is_money,
        -- What is not known by the members is the company's for each of them: every cost
        -- type is a cost of all new customers.
        case
            when parts.is_of_company
                or list_contains(parts.part_breakdowns, asked.breakdown) is false
                then 'total'
            else asked.breakdown
        end as part_breakdown,
        case
            when parts.is_of_company
                or list_contains(parts.part_breakdowns, asked.breakdown) is false
                then '(total)'
            else asked.member_id
        end as part_member_id,
        coalesce(parts.named_variant, variants_found.variant, 'standard') as part_variant

    from asked
    inner join parts
        on asked.kpi_key = parts.kpi_key
    left join parts_of_currency
        on
            parts.kpi_key = parts_of_currency.kpi_key
            and parts.part = parts_of_currency.part
    left join variants_found
        on
            parts.kpi_key = variants_found.kpi_key
            and parts.part = variants_found.part
            and asked.variant = variants_found.variant

),

-- A member without a row did nothing, where the company has a figure at all.
parts_found as (

    select
        asked_parts.*,
        coalesce(
            own.value,
            case
                when own.member_id is null and company.value is not null then 0
            end
        )
        * case
            when asked_parts.is_times_days
                then asked_parts.last_known_date - asked_parts.period_start_date + 1
            else 1
        end as part_value,
        coalesce(own.is_partial, company.is_partial, false) as is_part_partial,
        coalesce(own.is_before_history, company.is_before_history, false)
            as is_before_history,
        coalesce(own.flag, company.flag, cast([] as varchar[])) as part_flag

    from asked_parts
    left join part_values as own
        on
            asked_parts.kpi_key = own.kpi_key
            and asked_parts.side = own.side
            and asked_parts.term = own.term
            and asked_parts.part = own.part
            and asked_parts.part_variant = own.variant
            and asked_parts.grain = own.grain
            and asked_parts.period_start_date = own.period_start_date
            and asked_parts.part_breakdown = own.breakdown
            and asked_parts.part_member_id = own.member_id
            and case when asked_parts.is_money then asked_parts.currency end
            is not distinct from own.currency
    left join part_values as company
        on
            asked_parts.kpi_key = company.kpi_key
            and asked_parts.side = company.side
            and asked_parts.term = company.term
            and asked_parts.part = company.part
            and asked_parts.part_variant = company.variant
            and asked_parts.grain = company.grain
            and asked_parts.period_start_date = company.period_start_date
            and company.breakdown = 'total'
            and case when asked_parts.is_money then asked_parts.currency end
            is not distinct from company.currency

),

-- One part nobody knows makes its term unknown, and one term its side.
terms_found as (

    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        period_end_date,
        breakdown,
        member_id,
        currency,
        is_partial,
        side,
        term,
        factor,
        bool_or(is_part_partial) as is_part_partial,
        bool_or(is_before_history) as is_before_history,
        case
            when count(part_value) = count(*)
                then
                    cast(
                        {%- for number in [1, 2, 3] %}
                            {{ "* " if not loop.first -}}
                            coalesce(
                                max(cast(part_value as decimal(38, 6)))
                                filter (where part_number = {{ number }}),
                                1
                            )
                        {%- endfor %}
                        as decimal(38, 6)
                    )
        end as term_value,
        flatten(list(part_flag)) as term_flag

    from parts_found
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

),

sides as (

    select
        kpi_key,
        variant,
        grain,
        period_start_date,
        period_end_date,
        breakdown,
        member_id,
        currency,
        -- Cases still to be decided on one side leave the quotient undecided.
        is_partial or bool_or(is_part_partial) as is_partial,
        bool_or(is_before_history) as is_before_history,
        case
            when
                count(term_value) filter (where side = 'numerator')
                = count(*) filter (where side = 'numerator')
                then sum(term_value * factor) filter (where side = 'numerator')
        end as numerator,
        case
            when
                count(term_value) filter (where side = 'denominator')
                = count(*) filter (where side = 'denominator')
                then sum(term_value * factor) filter (where side = 'denominator')
        end as denominator,
        count(*) filter (where side = 'denominator') > 0 as is_divided,
        list_sort(list_distinct(flatten(list(term_flag)))) as flag

    from terms_found
    group by 1, 2, 3, 4, 5, 6, 7, 8, terms_found.is_partial

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
    cast(null as decimal(38, 6)) as original_amount,
    cast(numerator as decimal(38, 6)) as numerator,
    cast(denominator as decimal(38, 6)) as denominator,
    case
        when is_divided then {{ safe_divide('numerator', 'denominator') }}
        else cast(numerator as decimal(38, 6))
    end as value,
    is_partial,
    is_before_history,
    flag

from sides
{% endmacro %}
