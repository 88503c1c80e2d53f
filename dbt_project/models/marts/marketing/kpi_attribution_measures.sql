{%- set dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'product_id', 'segment',
    'legal_entity',
] -%}
{%- set converted = [
    "case conversion_type when 'deal' then 'opportunities' else 'leads' end", 'conversion_id',
] -%}
{%- set records = {
    'conversions': converted,
    'conversions_valued': converted,
    'deal_readings': converted,
    'lead_readings': converted,
    'touch_readings': converted,
} -%}
{{ config(meta={'records': records}) }}

with

credits as (

    select * from {{ ref('fct_attribution_credits') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation or is_reporting

),

deal_credits as (

    select * from credits
    where conversion_type = 'deal'

),

-- The deal is converted once, as in sales_bookings, and then shared: converted shares would
-- not add up to it.
deals_converted as (

    select
        deal_credits.* exclude (credit_part, credit_parts),
        cast(deal_credits.credit_part as hugeint) as credit_part,
        cast(deal_credits.credit_parts as hugeint) as credit_parts,
        currencies.currency_id as presentation_currency,
        currencies.is_presentation,
        currencies.is_reporting,
        currencies.exponent,
        case
            when deal_credits.conversion_amount is null then 0
            else
                {{ convert_money(
                    'deal_credits.conversion_amount', 'rates.rate', 'currencies.exponent'
                ) }}
        end as converted_conversion_amount,
        case
            when deal_credits.conversion_net_amount is null then 0
            else
                {{ convert_money(
                    'deal_credits.conversion_net_amount', 'rates.rate', 'currencies.exponent'
                ) }}
        end as converted_net_amount

    from deal_credits
    cross join currencies
    left join rates
        on
            deal_credits.converted_date = rates.rate_date
            and deal_credits.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

deals_counted as (

    select
        *,
        {{ to_minor_units('converted_conversion_amount', 'exponent') }} as minor_units,
        {{ to_minor_units('converted_net_amount', 'exponent') }} as net_minor_units

    from deals_converted

),

{% set conversion = 'conversion_id, attribution_model, presentation_currency' -%}
deals_split as (

    select
        *,
        {{ split_units(
            'minor_units', 'credit_part', 'credit_parts', conversion, 'touch_order'
        ) }} as credited_units,
        {{ split_units(
            'net_minor_units', 'credit_part', 'credit_parts', conversion, 'touch_order'
        ) }} as credited_net_units

    from deals_counted

),

deals_credited as (

    select
        *,
        {{ from_minor_units('credited_units', 'exponent') }} as converted_amount,
        {{ from_minor_units('credited_net_units', 'exponent') }} as net_amount

    from deals_split

),

-- Every model is a reading of its own; the policy's default is the standard one.
deal_readings as (

    select
        'standard' as variant,
        *

    from deals_credited
    where is_default_model
    union all
    select
        attribution_model as variant,
        *

    from deals_credited

),

-- What a touch earned counts in its own period, where what it cost stands, unless policy
-- ad_conversion_date dates results by the win; the variant `period` always does.
touch_readings as (

    select
        * exclude (converted_date),
        {{ 'converted_date' if policy('ad_conversion_date') == 'conversion_date'
            else 'touch_date' }} as credited_date

    from deal_readings
    where touch_id is not null
    union all by name
    select
        'period' as variant,
        * exclude (variant, converted_date),
        converted_date as credited_date

    from deal_readings
    where touch_id is not null and variant = 'standard'

),

lead_readings as (

    select
        'standard' as variant,
        *

    from credits
    where conversion_type = 'lead' and is_default_model
    union all
    select
        attribution_model as variant,
        *

    from credits
    where conversion_type = 'lead'

),

-- One row per conversion: the first touch earns all of it, or nobody does.
conversions as (

    select
        *,
        touch_id is not null as is_attributed

    from credits
    where attribution_model = 'first_touch'

),

conversions_valued as (

    select
        *,
        touch_id is not null as is_attributed

    from deals_credited
    where attribution_model = 'first_touch' and is_reporting

),

contributions as (

    -- Deals without an amount add nothing, as in sales_bookings.
    {{ contribution(
        'attributed_revenue', of='deal_readings', day='converted_date',
        where='is_presentation', variant_column='variant', currency='presentation_currency',
        original_amount='coalesce(credited_amount, 0)', numerator='converted_amount',
        denominator='(conversion_amount is not null)::integer', by=dimensions,
    ) }}
    union all
    {{ contribution(
        'attributed_ad_revenue', of='touch_readings', day='credited_date',
        where='is_presentation and is_paid', variant_column='variant', currency='presentation_currency',
        original_amount='coalesce(credited_amount, 0)', numerator='converted_amount',
        denominator='(conversion_amount is not null)::integer', by=dimensions,
    ) }}
    union all
    -- Credit notes are taken off where the deal's revenue counts, not on their own day.
    {{ contribution(
        'attributed_net_revenue', of='touch_readings', day='credited_date',
        where='is_presentation and is_marketing', variant_column='variant',
        currency='presentation_currency', numerator='net_amount',
        denominator='(conversion_amount is not null)::integer', by=dimensions,
    ) }}
    union all
    {{ contribution(
        'attributed_leads', of='lead_readings', day='converted_date',
        variant_column='variant', numerator='credit_weight', by=dimensions,
    ) }}
    union all
    {{ contribution(
        'attribution_coverage', of='conversions', day='converted_date',
        where="conversion_type = 'deal'", numerator='is_attributed::integer', denominator=1,
        by=['product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'attribution_coverage', of='conversions', day='converted_date',
        where="conversion_type = 'lead'", variant='leads',
        numerator='is_attributed::integer', denominator=1,
        by=['product_id', 'segment', 'legal_entity'],
    ) }}
    union all
    -- A share of one currency's money, so the reporting currency's.
    {{ contribution(
        'attribution_coverage', of='conversions_valued', day='converted_date',
        where='conversion_amount is not null', variant='value',
        numerator='case when is_attributed then converted_amount else 0 end',
        denominator='converted_amount', by=['product_id', 'segment', 'legal_entity'],
    ) }}

)

{{ sum_contributions('contributions') }}
