{#- What each model gives a touch, in parts: whole numbers, so that shares of them are exact. -#}
{%- set models = {
    'first_touch': 'case when touch_order = 1 then 1 else 0 end',
    'last_touch': 'case when touch_order = touch_count then 1 else 0 end',
    'linear': '1',
    'position_based': '
        -- 40 % each to the first and the last, 20 % to those between.
        case
            when touch_count > 2 and touch_order in (1, touch_count) then 2 * (touch_count - 2)
            else 1
        end',
    'time_decay': '
        -- Halved for every seven days before the last touch, in billionths.
        round(pow(2, -days_before_last / 7.0) * 1000000000)',
} -%}
with

leads as (

    select * from {{ ref('fct_leads') }}

),

closes as (

    select * from {{ ref('fct_opportunity_closes') }}

),

buyers as (

    select * from {{ ref('int_opportunity_buyers_identified') }}

),

touches as (

    select * from {{ ref('int_touches_unioned') }}

),

revenue_events as (

    select * from {{ ref('int_revenue_events_credited') }}
    where exclusion_reason is null

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

-- What was credited back of a deal, on invoices of its term; in another currency than the
-- deal's it cannot be taken off it.
deals_credited_back as (

    select
        signed_opportunity_id as opportunity_id,
        currency,
        sum(net_amount) as net_amount

    from revenue_events
    where event_type = 'credit_note' and signed_opportunity_id is not null
    group by 1, 2

),

conversions as (

    select
        'lead' as conversion_type,
        lead_id as conversion_id,
        lead_id,
        cast(null as varchar) as account_id,
        created_at as converted_at,
        created_date as converted_date,
        cast(null as varchar) as currency,
        cast(null as decimal(38, 6)) as amount,
        cast(null as decimal(38, 6)) as net_amount,
        '(unknown)' as product_id,
        segment,
        legal_entity

    from leads
    where created_at is not null
    union all
    select
        'deal' as conversion_type,
        closes.opportunity_id as conversion_id,
        buyers.lead_id,
        closes.account_id,
        closes.closed_at as converted_at,
        closes.closed_date as converted_date,
        closes.currency,
        closes.amount,
        closes.amount + coalesce(deals_credited_back.net_amount, 0) as net_amount,
        closes.product_id,
        closes.segment,
        closes.legal_entity

    from closes
    inner join buyers
        on closes.opportunity_id = buyers.opportunity_id
    left join deals_credited_back
        on
            closes.opportunity_id = deals_credited_back.opportunity_id
            and closes.currency = deals_credited_back.currency
    where closes.is_won and closes.is_sales_pipeline

),

-- Touches of the person, and those the account's booth or mailing noted without a person.
touch_links as (

    select
        conversions.conversion_type,
        conversions.conversion_id,
        conversions.converted_at,
        conversions.converted_date,
        touches.touch_id,
        touches.occurred_at,
        touches.touch_date

    from conversions
    inner join touches
        on conversions.lead_id = touches.lead_id
    union all
    select
        conversions.conversion_type,
        conversions.conversion_id,
        conversions.converted_at,
        conversions.converted_date,
        touches.touch_id,
        touches.occurred_at,
        touches.touch_date

    from conversions
    inner join touches
        on conversions.account_id = touches.account_id
    where touches.lead_id is null

),

-- Two touches of one instant stand in the order of their ids.
touches_ordered as (

    select
        conversion_type,
        conversion_id,
        touch_id,
        touch_date,
        row_number() over (
            partition by conversion_type, conversion_id
            order by occurred_at, touch_id
        ) as touch_order,
        count(*) over (partition by conversion_type, conversion_id) as touch_count,
        max(touch_date) over (partition by conversion_type, conversion_id) - touch_date
            as days_before_last

    from touch_links
    where
        occurred_at <= converted_at
        and touch_date >= converted_date - {{ policy('attribution_window_days') }}

),

parts_given as (

    {%- for attribution_model, parts in models.items() %}
        {{ 'union all' if not loop.first }}
        select
            *,
            '{{ attribution_model }}' as attribution_model,
            cast({{ parts }} as hugeint) as credit_part

        from touches_ordered
    {%- endfor %}

),

parts_summed as (

    select
        *,
        sum(credit_part) over (
            partition by conversion_type, conversion_id, attribution_model
        ) as credit_parts

    from parts_given
    where credit_part > 0

),

model_names as (

    select unnest({{ models | list }}) as attribution_model

),

unattributed as (

    select
        conversions.conversion_type,
        conversions.conversion_id,
        model_names.attribution_model

    from conversions
    anti join touches_ordered
        on
            conversions.conversion_type = touches_ordered.conversion_type
            and conversions.conversion_id = touches_ordered.conversion_id
    cross join model_names

),

credits as (

    select
        conversion_type,
        conversion_id,
        attribution_model,
        touch_id,
        touch_order,
        touch_count,
        credit_part,
        credit_parts

    from parts_summed
    union all
    select
        conversion_type,
        conversion_id,
        attribution_model,
        null as touch_id,
        1 as touch_order,
        0 as touch_count,
        1 as credit_part,
        1 as credit_parts

    from unattributed

),

credits_described as (

    select
        credits.*,
        conversions.converted_at,
        conversions.converted_date,
        touches.touch_date,
        case when credits.touch_id is null then '(unattributed)' else touches.channel end
            as channel,
        case when credits.touch_id is null then '(unattributed)' else touches.campaign_id end
            as campaign_id,
        case when credits.touch_id is null then '(unattributed)' else touches.platform end
            as platform,
        case
            when credits.touch_id is null then '(unattributed)'
            else touches.lead_source_group
        end as lead_source_group,
        coalesce(touches.is_paid, false) as is_paid,
        coalesce(touches.is_marketing, false) as is_marketing,
        conversions.product_id,
        conversions.segment,
        conversions.legal_entity,
        conversions.currency,
        currencies.exponent,
        conversions.amount,
        conversions.net_amount,
        {{ to_minor_units('conversions.amount', 'currencies.exponent') }} as minor_units

    from credits
    inner join conversions
        on
            credits.conversion_type = conversions.conversion_type
            and credits.conversion_id = conversions.conversion_id
    left join touches
        on credits.touch_id = touches.touch_id
    left join currencies
        on conversions.currency = currencies.currency_id

),

{% set conversion = 'conversion_type, conversion_id, attribution_model' -%}
credits_split as (

    select
        *,
        {{ split_units('1000000', 'credit_part', 'credit_parts', conversion, 'touch_order') }}
            as millionths,
        {{ split_units(
            'minor_units', 'credit_part', 'credit_parts', conversion, 'touch_order'
        ) }} as credited_units

    from credits_described

)

select
    {{ surrogate_key(['conversion_type', 'conversion_id', 'attribution_model', 'touch_id']) }}
        as attribution_credit_id,
    conversion_type,
    conversion_id,
    attribution_model,
    attribution_model = '{{ policy("attribution_default_model") }}' as is_default_model,
    touch_id,
    touch_order,
    touch_count,
    touch_date,
    converted_at,
    converted_date,
    channel,
    campaign_id,
    platform,
    lead_source_group,
    is_paid,
    is_marketing,
    product_id,
    segment,
    legal_entity,
    cast(credit_part as decimal(38, 0)) as credit_part,
    cast(credit_parts as decimal(38, 0)) as credit_parts,
    cast(cast(millionths as decimal(28, 0)) * 0.000001 as decimal(38, 6)) as credit_weight,
    currency,
    cast(amount as decimal(38, 4)) as conversion_amount,
    cast(net_amount as decimal(38, 4)) as conversion_net_amount,
    {{ from_minor_units('credited_units', 'exponent') }} as credited_amount,
    {{ policy('attribution_window_days') }} as attribution_window_days,
    '{{ policy("attribution_view_through") }}' = 'include' as includes_view_through,
    '{{ var("build_id") }}' as build_id

from credits_split
