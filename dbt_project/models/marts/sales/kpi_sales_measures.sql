{%- set deal_dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'product_id', 'segment',
    'customer_type', 'legal_entity',
] -%}
{%- set people = ['rep_id', 'team_id', 'department_id'] -%}
{#- A creation is credited to who created it, in the team of that day. -#}
{%- set creators = {
    'rep_id': 'creator_id',
    'team_id': 'creator_team_id',
    'department_id': 'creator_department_id',
} -%}
{%- set base = policy('win_rate_base') -%}
{%- set dated = {
    'fct_opportunities': {
        'days': ['created_date'] + (['overdue_date'] if base == 'closed_or_overdue' else []),
        'columns': [
            'created_date', 'creator_id', 'creator_team_id', 'creator_department_id',
            'is_sales_pipeline',
        ] + deal_dimensions + {
            'created_cohort': ['is_won', 'closed_date', 'win_loss_reason'],
            'closed_or_overdue': ['overdue_date'] + people,
        }.get(base, []),
    },
    'fct_opportunity_closes': {
        'days': ['closed_date'],
        'columns': [
            'closed_date', 'is_won', 'cycle_days', 'amount', 'currency',
            'is_sales_pipeline', 'creator_id', 'win_loss_reason', 'deal_type',
            'last_open_stage', 'first_year_amount',
        ] + people + deal_dimensions,
    },
    'fct_activities': {
        'days': ['occurred_date', 'occurred_date + 30'],
        'columns': [
            'occurred_date', 'is_call', 'direction', 'is_completed', 'segment',
            'customer_type', 'legal_entity',
        ] + people,
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{%- set records = {
    'all_closes': ["'opportunities'", 'opportunity_id'],
    'activities': ["'activities'", 'activity_id'],
    'closes': ["'opportunities'", 'opportunity_id'],
    'opportunities': ["'opportunities'", 'opportunity_id'],
    'wins_converted': ["'opportunities'", 'opportunity_id'],
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'day': 'report_date', 'dated': dated, 'records': records},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

all_opportunities as (

    {{ changed_rows('fct_opportunities', dated['fct_opportunities']) }}

),

all_closes as (

    {{ changed_rows('fct_opportunity_closes', dated['fct_opportunity_closes']) }}

),

activities as (

    {{ changed_rows('fct_activities', dated['fct_activities']) }}

),

rates as (

    {{ changed_rows('fct_fx_rates_daily', dated['fct_fx_rates_daily']) }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

opportunities as (

    select * from all_opportunities
    where is_sales_pipeline

),

-- Won on the day it was created is 0 days; a win before the creation is a mistake in one of
-- the two dates and has no length.
closes as (

    select
        *,
        is_won and coalesce(cycle_days >= 0, false) as has_cycle

    from all_closes
    where is_sales_pipeline

),

flow_rates as (

    select * from rates
    where rate_purpose = 'flow'

),

wins_converted as (

    select
        closes.*,
        currencies.currency_id as presentation_currency,
        case
            when closes.amount is null then 0
            else
                {{ convert_money(
                    'closes.amount', 'flow_rates.rate', 'currencies.exponent'
                ) }}
        end as converted_amount,
        case
            when closes.amount is null then 0
            else
                {{ convert_money(
                    'closes.first_year_amount', 'flow_rates.rate', 'currencies.exponent'
                ) }}
        end as converted_first_year_amount

    from closes
    cross join currencies
    left join flow_rates
        on
            closes.closed_date = flow_rates.rate_date
            and closes.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency
    where closes.is_won

),

contributions as (

    {{ contribution(
        'opportunities_created', of='opportunities', day='created_date',
        where='created_date is not null', numerator=1,
        by=deal_dimensions + ['creator_id'], under=creators,
    ) }}
    union all
    {{ contribution(
        'deals_won', of='closes', day='closed_date', where='is_won', numerator=1,
        by=people + deal_dimensions + ['creator_id'],
        under={'close_reason': 'win_loss_reason'},
    ) }}
    union all
    {{ contribution(
        'deals_lost', of='closes', day='closed_date', where='not is_won', numerator=1,
        by=people + deal_dimensions + ['creator_id'],
        under={'close_reason': 'win_loss_reason', 'stage': 'last_open_stage'},
    ) }}
    union all
    -- Repeat business, in whatever pipeline it is kept.
    {{ contribution(
        'deals_lost', variant_column='deal_type', of='all_closes', day='closed_date',
        where="not is_won and deal_type in ('renewal', 'expansion')", numerator=1,
        by=people + deal_dimensions + ['creator_id'],
        under={'close_reason': 'win_loss_reason', 'stage': 'last_open_stage'},
    ) }}
    union all
    {%- if base == 'created_cohort' %}
        -- Of the deals created in the period, open ones among them.
        {{ contribution(
            'win_rate', of='opportunities', day='created_date',
            where='created_date is not null and '
            ~ win_rate_weight('coalesce(is_won, false)') ~ ' = 1',
            numerator='coalesce(is_won and closed_date <= created_date + 365, false)::integer',
            denominator=1, by=deal_dimensions + ['creator_id'], under=creators,
        ) }}
        union all
    {%- else %}
        {{ contribution(
            'win_rate', of='closes', day='closed_date',
            where=win_rate_weight('is_won') ~ ' = 1',
            numerator='is_won::integer', denominator=1,
            by=people + deal_dimensions + ['creator_id'],
        ) }}
        union all
    {%- endif %}
    {%- if base == 'closed_or_overdue' %}
        -- Still open past the day it was expected to close: not won, on that day.
        {{ contribution(
            'win_rate', of='opportunities', day='overdue_date',
            where='overdue_date is not null', numerator=0, denominator=1,
            by=people + deal_dimensions + ['creator_id'],
        ) }}
        union all
    {%- endif %}
    {{ contribution(
        'sales_cycle_days', of='closes', day='closed_date', where='has_cycle',
        numerator='cycle_days', denominator=1, is_case=true, by=people + deal_dimensions,
    ) }}
    union all
    -- Deals without an amount add nothing; the denominator counts those with one, because a
    -- sum of no amounts at all is unknown and not 0.
    {{ contribution(
        'sales_bookings', of='wins_converted', day='closed_date',
        currency='presentation_currency', original_amount='coalesce(amount, 0)',
        numerator='converted_amount', denominator='(amount is not null)::integer',
        by=people + deal_dimensions,
    ) }}
    union all
    {{ contribution(
        'sales_bookings', variant='first_year', of='wins_converted', day='closed_date',
        currency='presentation_currency', original_amount='coalesce(first_year_amount, 0)',
        numerator='converted_first_year_amount',
        denominator='(amount is not null)::integer', by=people + deal_dimensions,
    ) }}
    union all
    -- A win of exactly 0 is a blank someone filled in: nothing marks a deal as given away.
    {{ contribution(
        'avg_deal_size', of='wins_converted', day='closed_date', where='amount <> 0',
        currency='presentation_currency', original_amount='amount',
        numerator='converted_amount', denominator=1, by=people + deal_dimensions,
    ) }}
    union all
    -- Every dial with a final status counts once, on the day it started.
    {{ contribution(
        'calls_made', of='activities', day='occurred_date',
        where="is_call and direction = 'outbound' and is_completed and occurred_date is not null",
        numerator=1, by=people + ['segment', 'customer_type', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'calls_made', variant='inbound', of='activities', day='occurred_date',
        where="is_call and direction = 'inbound' and is_completed and occurred_date is not null",
        numerator=1, by=people + ['segment', 'customer_type', 'legal_entity'],
    ) }}
    union all
    -- What was done thirty days earlier, to hold against what came of it.
    {{ contribution(
        'calls_made', variant='lagged', of='activities', day='occurred_date + 30',
        where="is_call and direction = 'outbound' and is_completed and occurred_date is not null",
        numerator=1, by=people + ['segment', 'customer_type', 'legal_entity'],
    ) }}

)

{{ sum_contributions('contributions') }}
