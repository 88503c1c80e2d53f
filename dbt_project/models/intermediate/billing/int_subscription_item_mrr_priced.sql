with

versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

products as (

    select * from {{ ref('int_billing_products_unioned') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

versions_switched as (

    select
        *,
        '{{ policy("mrr_trials") }}' = 'include' as counts_trials,
        status = 'active'
        or status = 'trialing'
        or (status = 'past_due' and '{{ policy("mrr_past_due") }}' = 'include')
        or (status = 'paused' and '{{ policy("mrr_paused") }}' = 'include')
            as is_in_service,
        usage_type = 'licensed' or '{{ policy("mrr_metered") }}' = 'include'
            as is_counted_usage,
        {%- if policy('churn_date') == 'cancel_click' %}
            least(valid_to, ended_at, canceled_at) as service_to
        {%- elif policy('churn_date') == 'unpaid_days' %}
            -- Nobody has paid since the item fell past due: what stood before it did is over.
            case
                when status = 'past_due'
                    then
                        least(
                            valid_to,
                            ended_at,
                            coalesce(
                                max(valid_to) filter (where status <> 'past_due')
                                    over (
                                        partition by item_id
                                        order by valid_from
                                        rows between unbounded preceding and 1 preceding
                                    ),
                                min(valid_from) over (partition by item_id)
                            ) + to_days({{ policy('churn_unpaid_days') }})
                        )
                else least(valid_to, ended_at)
            end as service_to
        {%- else %}
            least(valid_to, ended_at) as service_to
        {%- endif %}

    from versions

),

-- A trial is paid from its end on; a trial without an end is never paid.
versions_paid as (

    select
        *,
        case
            when counts_trials then valid_from
            else greatest(valid_from, trial_ends_at)
        end as paid_from

    from versions_switched
    where
        -- MRR is a customer's: what nobody is known to pay is listed, not counted.
        customer_id is not null
        and is_in_service
        and is_counted_usage
        and (counts_trials or status <> 'trialing' or trial_ends_at is not null)

),

versions_served as (

    select *
    from versions_paid
    where service_to is null or paid_from < service_to

),

boundaries as (

    select
        subscription_id,
        paid_from as boundary_at

    from versions_served
    union
    select
        subscription_id,
        service_to as boundary_at

    from versions_served
    where service_to is not null
    union
    select
        subscription_id,
        discount_ends_at as boundary_at

    from versions_served
    where discount_ends_at is not null

),

-- Cut at every change of the subscription, so that within a segment all its items and its
-- discount stand still and a discount of the subscription can be shared out.
segments as (

    select
        versions_served.*,
        boundaries.boundary_at as segment_from,
        coalesce(
            lead(boundaries.boundary_at) over (
                partition by versions_served.item_id, versions_served.valid_from
                order by boundaries.boundary_at
            ),
            versions_served.service_to
        ) as segment_to

    from versions_served
    inner join boundaries
        on
            versions_served.subscription_id = boundaries.subscription_id
            and versions_served.paid_from <= boundaries.boundary_at
            and (
                versions_served.service_to is null
                or versions_served.service_to > boundaries.boundary_at
            )

),

segments_discounted as (

    select
        segments.*,
        currency_exponents.minor_unit_amount,
        cast(pow(10, currency_exponents.exponent) as bigint) as minor_units_per_unit,
        case '{{ policy("mrr_discounts") }}'
            when 'gross' then false
            when 'forever_only' then segments.discount_ends_at is null
            else
                segments.discount_ends_at is null
                or segments.segment_from < segments.discount_ends_at
        end as is_discounted,
        -- Whole ten-thousandths of the currency's unit.
        cast(
            cast(segments.unit_price_amount * segments.quantity as decimal(38, 4)) * 10000
            as hugeint
        ) as gross_units

    from segments
    left join currency_exponents
        on segments.currency = currency_exponents.currency

),

segments_shared as (

    select
        *,
        case
            when is_discounted
                then cast((100 - coalesce(discount_percent, 0)) * 1000000 as hugeint)
            else 100000000
        end as kept_share_units,
        case
            when is_discounted
                then cast(coalesce(discount_amount, 0) * minor_units_per_unit as hugeint)
            else 0
        end as discount_minor,
        sum(gross_units) over (
            partition by subscription_id, segment_from
            order by item_id
            rows between unbounded preceding and current row
        ) as running_gross_units,
        sum(gross_units) over (
            partition by subscription_id, segment_from
        ) as total_gross_units

    from segments_discounted

),

-- R-SPLIT: cumulative shares, so the items' parts of the discount add up to it.
segments_netted as (

    select
        *,
        case
            when discount_minor = 0 then 0
            when discount_scope = 'item' then discount_minor
            else
                {{ round_ratio(
                    'discount_minor * running_gross_units', 'total_gross_units'
                ) }}
                - {{ round_ratio(
                    'discount_minor * (running_gross_units - gross_units)',
                    'total_gross_units'
                ) }}
        end as item_discount_minor

    from segments_shared

),

-- Everything over one denominator and one rounding at the end. One interval is 1 month,
-- 12 months, 12/52 or 12/365 of one.
segments_normalised as (

    select
        *,
        -- greatest() alone passes over NULL: a price nobody states would be no price.
        case
            when gross_units is not null
                then greatest(
                    gross_units * kept_share_units * minor_units_per_unit
                    - item_discount_minor * cast(1000000000000 as hugeint),
                    0
                )
        end as net_units,
        case billing_interval
            when 'week' then 52
            when 'day' then 365
            else 1
        end as interval_numerator,
        case billing_interval
            when 'month' then 1
            else 12
        end * interval_count as interval_denominator

    from segments_netted

),

priced as (

    select
        item_id,
        subscription_id,
        customer_id,
        source_product_key,
        segment_from as paid_from,
        segment_to as paid_to,
        {{ report_date('segment_from') }} as paid_from_date,
        {{ report_date('segment_to') }} as paid_to_date,
        currency,
        {{ to_major_units(
            round_ratio(
                'net_units * interval_numerator',
                'cast(1000000000000 as hugeint) * interval_denominator'
            )
        ) }} as mrr_amount,
        {{ to_major_units(
            round_ratio(
                'gross_units * minor_units_per_unit * interval_numerator',
                'cast(10000 as hugeint) * interval_denominator'
            )
        ) }} as list_mrr_amount,
        quantity,
        unit_price_amount is null or quantity is null as is_price_unknown,
        history_basis,
        source_name,
        source_account,
        legal_entity

    from segments_normalised

)

select
    priced.*,
    coalesce(products.product_id, priced.source_product_key) as product_id

from priced
left join products
    on priced.source_product_key = products.source_product_key
