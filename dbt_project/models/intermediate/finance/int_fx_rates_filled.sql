with

published_rates as (

    select * from {{ ref('stg_files__fx_rates') }}

),

dates as (

    select date_day
    from {{ ref('dim_dates') }}
    where date_day <= {{ as_of_date() }}

),

purposes as (

    select
        purpose.rate_purpose,
        purpose.rate_type,
        purpose.max_carried_days

    from (
        values
        (
            'flow',
            '{{ policy("fx_flow_rate_type") }}',
            {{ policy("fx_max_carried_days") }}
        ),
        (
            'stock',
            '{{ policy("fx_stock_rate_type") }}',
            {{ policy("fx_max_carried_days") }}
        ),
        -- A plan rate is set for a year and holds until the next one.
        ('plan', 'plan', 366)
    ) as purpose (rate_purpose, rate_type, max_carried_days)

),

-- A correction is a later publication of the same day; two sources of one rate are told
-- apart by name so that the choice does not depend on the order files were read in.
newest_publications as (

    select
        rate_date,
        base_currency,
        quote_currency,
        rate_type,
        rate,
        rate_source,
        _batch_id as batch_id,
        -- The rate as a whole number of 10^-16: the inverse is then exact.
        cast(replace(cast(rate as varchar), '.', '') as hugeint) as rate_units

    from published_rates
    where
        rate > 0
        and rate_date <= {{ as_of_date() }}
        and coalesce(published_at < {{ as_of_end() }}, true)
    qualify row_number() over (
        partition by rate_date, base_currency, quote_currency, rate_type
        order by published_at desc nulls last, _load_date desc, source_name asc
    ) = 1

),

inverse_units as (

    select
        *,
        {{ round_ratio('100000000000000000000000000000000', 'rate_units') }}
            as inverse_rate_units

    from newest_publications

),

quoted_both_ways as (

    select
        rate_date,
        base_currency as from_currency,
        quote_currency as to_currency,
        rate_type,
        rate,
        rate_source,
        batch_id,
        false as is_inverse

    from newest_publications

    union all

    select
        rate_date,
        quote_currency as from_currency,
        base_currency as to_currency,
        rate_type,
        cast(
            cast(inverse_rate_units // 10000000000000000 as varchar) || '.'
            || lpad(
                cast(inverse_rate_units % 10000000000000000 as varchar), 16, '0'
            ) as decimal(38, 16)
        ) as rate,
        rate_source,
        batch_id,
        true as is_inverse

    from inverse_units

),

-- The quoted direction is used as it is; its inverse only where it is not quoted itself.
direct_rates as (

    select *
    from quoted_both_ways
    qualify row_number() over (
        partition by rate_date, from_currency, to_currency, rate_type
        order by is_inverse asc
    ) = 1

),

quoted_pairs as (

    select distinct
        rate_type,
        from_currency,
        to_currency

    from direct_rates

),

-- Where two currencies are never quoted against each other, through one they share; the
-- same pivot for every day of a pair, so a series never jumps between pivots.
pivots as (

    select
        inbound.rate_type,
        inbound.from_currency,
        outbound.to_currency,
        min(inbound.to_currency) as pivot_currency

    from quoted_pairs as inbound
    inner join quoted_pairs as outbound
        on
            inbound.rate_type = outbound.rate_type
            and inbound.to_currency = outbound.from_currency
            and inbound.from_currency <> outbound.to_currency
    anti join quoted_pairs as direct_pairs
        on
            inbound.rate_type = direct_pairs.rate_type
            and inbound.from_currency = direct_pairs.from_currency
            and outbound.to_currency = direct_pairs.to_currency
    group by 1, 2, 3

),

triangulated_rates as (

    select
        inbound.rate_date,
        pivots.from_currency,
        pivots.to_currency,
        pivots.rate_type,
        -- Full precision while the product keeps six digits before the point.
        case
            when cast(inbound.rate as double) * cast(outbound.rate as double) < 100000
                then cast(inbound.rate * outbound.rate as decimal(38, 16))
            else
                cast(
                    cast(inbound.rate as decimal(38, 8))
                    * cast(outbound.rate as decimal(38, 8))
                    as decimal(38, 16)
                )
        end as rate,
        inbound.rate_source || ' × ' || outbound.rate_source as rate_source,
        inbound.batch_id,
        inbound.is_inverse or outbound.is_inverse as is_inverse

    from pivots
    inner join direct_rates as inbound
        on
            pivots.rate_type = inbound.rate_type
            and pivots.from_currency = inbound.from_currency
            and pivots.pivot_currency = inbound.to_currency
    inner join direct_rates as outbound
        on
            pivots.rate_type = outbound.rate_type
            and pivots.pivot_currency = outbound.from_currency
            and pivots.to_currency = outbound.to_currency
            and inbound.rate_date = outbound.rate_date

),

known_rates as (

    select
        *,
        false as is_triangulated

    from direct_rates

    union all

    select
        *,
        true as is_triangulated

    from triangulated_rates

),

-- What money is shown in, and what a legal entity keeps its books in.
target_currencies as (

    select unnest(
        {{ (
            var('presentation_currencies')
            + [var('reporting_currency')]
            + var('functional_currencies').values() | list
        ) | unique | list }}
    ) as currency

),

rates_until_next as (

    select
        purposes.rate_purpose,
        purposes.max_carried_days,
        known_rates.*,
        lead(known_rates.rate_date) over (
            partition by
                purposes.rate_purpose,
                known_rates.from_currency,
                known_rates.to_currency
            order by known_rates.rate_date
        ) as next_rate_date

    from known_rates
    inner join purposes
        on known_rates.rate_type = purposes.rate_type
    where
        known_rates.to_currency in (
            select target_currencies.currency from target_currencies
        )

),

rates_carried as (

    select
        dates.date_day as rate_date,
        rates_until_next.from_currency,
        rates_until_next.to_currency,
        rates_until_next.rate_purpose,
        rates_until_next.rate,
        rates_until_next.rate_type,
        rates_until_next.rate_source,
        rates_until_next.rate_date as source_rate_date,
        cast(dates.date_day - rates_until_next.rate_date as integer) as carried_days,
        rates_until_next.is_inverse,
        rates_until_next.is_triangulated,
        rates_until_next.batch_id

    from rates_until_next
    inner join dates
        on
            rates_until_next.rate_date <= dates.date_day
            and rates_until_next.rate_date + rates_until_next.max_carried_days
            >= dates.date_day
            and (
                rates_until_next.next_rate_date is null
                or rates_until_next.next_rate_date > dates.date_day
            )

),

same_currency as (

    select
        dates.date_day as rate_date,
        target_currencies.currency as from_currency,
        target_currencies.currency as to_currency,
        purposes.rate_purpose,
        cast(1 as decimal(38, 16)) as rate,
        purposes.rate_type,
        'identity' as rate_source,
        dates.date_day as source_rate_date,
        0 as carried_days,
        false as is_inverse,
        false as is_triangulated,
        cast(null as varchar) as batch_id

    from dates
    cross join target_currencies
    cross join purposes

),

rates_filled as (

    select * from rates_carried
    union all
    select * from same_currency

)

select * from rates_filled
