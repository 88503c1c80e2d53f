{%- set dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'product_id', 'segment',
    'customer_type', 'legal_entity',
] -%}
{%- set dated = {
    'fct_opportunities': {
        'days': ['created_date'],
        'columns': [
            'created_date', 'creator_id', 'creator_team_id', 'creator_department_id',
            'is_sales_pipeline',
        ] + dimensions,
    },
    'fct_opportunity_states': {
        'first': 'first_date',
        'last': 'last_date',
        'columns': [
            'status', 'stage', 'amount', 'is_amount_known', 'currency', 'rep_id', 'team_id',
            'department_id', 'is_sales_pipeline',
        ] + dimensions,
    },
    'fct_opportunity_closes': {
        'days': ['closed_date'],
        'columns': [
            'closed_date', 'is_won', 'close_reason', 'cycle_days', 'amount', 'currency',
            'rep_id', 'team_id', 'department_id', 'is_sales_pipeline',
        ] + dimensions,
    },
    'fct_activities': {
        'days': ['occurred_date'],
        'columns': [
            'occurred_date', 'is_call', 'direction', 'is_completed', 'rep_id', 'team_id',
            'department_id', 'segment', 'customer_type', 'legal_entity',
        ],
    },
    'dim_dates': {'days': ['date_day'], 'columns': ['date_day', 'is_stock_day']},
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'day': 'report_date', 'dated': dated},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

all_opportunities as (

    {{ changed_rows('fct_opportunities', dated['fct_opportunities']) }}

),

all_states as (

    {{ changed_rows('fct_opportunity_states', dated['fct_opportunity_states']) }}

),

all_closes as (

    {{ changed_rows('fct_opportunity_closes', dated['fct_opportunity_closes']) }}

),

activities as (

    {{ changed_rows('fct_activities', dated['fct_activities']) }}

),

all_dates as (

    {{ changed_rows('dim_dates', dated['dim_dates']) }}

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

opportunity_states as (

    select * from all_states
    where is_sales_pipeline and status = 'open'

),

closes as (

    select * from all_closes
    where is_sales_pipeline

),

dates as (

    select * from all_dates
    where is_stock_day

),

flow_rates as (

    select * from rates
    where rate_purpose = 'flow'

),

stock_rates as (

    select * from rates
    where rate_purpose = 'stock'

),

-- Counted under the person who created it, in the team of that day.
opportunities_created as (

    select
        'opportunities_created' as kpi_key,
        created_date as report_date,
        null as currency,
        null as original_currency,
        null as original_amount,
        1 as numerator,
        null as denominator,
        creator_id as rep_id,
        creator_team_id as team_id,
        creator_department_id as department_id,
        lead_source_group,
        campaign_id,
        channel,
        platform,
        product_id,
        segment,
        null as stage,
        customer_type,
        legal_entity

    from opportunities
    where created_date is not null

),

-- A stock: one contribution per open deal and day, at the end of the company's day.
open_days as (

    select
        opportunity_states.*,
        dates.date_day as report_date

    from opportunity_states
    inner join dates
        on dates.date_day between opportunity_states.first_date and opportunity_states.last_date

),

active_deals as (

    select
        'active_deals' as kpi_key,
        report_date,
        null as currency,
        null as original_currency,
        null as original_amount,
        1 as numerator,
        null as denominator,
        rep_id,
        team_id,
        department_id,
        lead_source_group,
        campaign_id,
        channel,
        platform,
        product_id,
        segment,
        stage,
        customer_type,
        legal_entity

    from open_days

),

-- Deals without an amount add nothing; the denominator counts those with one, because a
-- sum of no amounts at all is unknown and not 0. An amount that nobody knows any more (no
-- history) is NULL and makes the day's sum unknown.
open_pipeline_value as (

    select
        'open_pipeline_value' as kpi_key,
        open_days.report_date,
        currencies.currency_id as currency,
        open_days.currency as original_currency,
        case when open_days.is_amount_known then coalesce(open_days.amount, 0) end
            as original_amount,
        case
            when open_days.amount is null and open_days.is_amount_known then 0
            else
                {{ convert_money(
                    'open_days.amount', 'stock_rates.rate', 'currencies.exponent'
                ) }}
        end as numerator,
        case when open_days.is_amount_known then (open_days.amount is not null)::integer end
            as denominator,
        open_days.rep_id,
        open_days.team_id,
        open_days.department_id,
        open_days.lead_source_group,
        open_days.campaign_id,
        open_days.channel,
        open_days.platform,
        open_days.product_id,
        open_days.segment,
        open_days.stage,
        open_days.customer_type,
        open_days.legal_entity

    from open_days
    cross join currencies
    left join stock_rates
        on
            open_days.report_date = stock_rates.rate_date
            and open_days.currency = stock_rates.from_currency
            and currencies.currency_id = stock_rates.to_currency

),

closes_counted as (

    select
        unnest([
            { 'kpi_key': 'deals_won', 'numerator': is_won::integer, 'denominator': null },
            { 'kpi_key': 'deals_lost', 'numerator': (not is_won)::integer, 'denominator': null },
            {
                'kpi_key': 'win_rate',
                'numerator': is_won::integer,
                'denominator': {{ win_rate_weight('is_won', 'close_reason') }}
            },
            {
                'kpi_key': 'sales_cycle_days',
                'numerator': case when is_won and cycle_days >= 0 then cycle_days end,
                'denominator': coalesce(is_won and cycle_days >= 0, false)::integer
            }
        ]) as measure,
        closed_date as report_date,
        rep_id,
        team_id,
        department_id,
        lead_source_group,
        campaign_id,
        channel,
        platform,
        product_id,
        segment,
        customer_type,
        legal_entity

    from closes

),

closes_measured as (

    select
        closes_counted.measure.kpi_key as kpi_key,
        closes_counted.report_date,
        null as currency,
        null as original_currency,
        null as original_amount,
        closes_counted.measure.numerator as numerator,
        closes_counted.measure.denominator as denominator,
        closes_counted.rep_id,
        closes_counted.team_id,
        closes_counted.department_id,
        closes_counted.lead_source_group,
        closes_counted.campaign_id,
        closes_counted.channel,
        closes_counted.platform,
        closes_counted.product_id,
        closes_counted.segment,
        null as stage,
        closes_counted.customer_type,
        closes_counted.legal_entity

    from closes_counted
    where closes_counted.measure.numerator <> 0 or closes_counted.measure.denominator <> 0

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
        end as converted_amount

    from closes
    cross join currencies
    left join flow_rates
        on
            closes.closed_date = flow_rates.rate_date
            and closes.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency
    where closes.is_won

),

-- As with the open pipeline, the denominator counts the wins that have an amount.
sales_bookings as (

    select
        'sales_bookings' as kpi_key,
        closed_date as report_date,
        presentation_currency as currency,
        currency as original_currency,
        coalesce(amount, 0) as original_amount,
        converted_amount as numerator,
        (amount is not null)::integer as denominator,
        rep_id,
        team_id,
        department_id,
        lead_source_group,
        campaign_id,
        channel,
        platform,
        product_id,
        segment,
        null as stage,
        customer_type,
        legal_entity

    from wins_converted

),

-- A win of exactly 0 is a blank someone filled in: nothing marks a deal as given away.
avg_deal_size as (

    select
        'avg_deal_size' as kpi_key,
        closed_date as report_date,
        presentation_currency as currency,
        currency as original_currency,
        amount as original_amount,
        converted_amount as numerator,
        1 as denominator,
        rep_id,
        team_id,
        department_id,
        lead_source_group,
        campaign_id,
        channel,
        platform,
        product_id,
        segment,
        null as stage,
        customer_type,
        legal_entity

    from wins_converted
    where amount <> 0

),

-- Every dial with a final status counts once, on the day it started.
calls_made as (

    select
        'calls_made' as kpi_key,
        occurred_date as report_date,
        null as currency,
        null as original_currency,
        null as original_amount,
        1 as numerator,
        null as denominator,
        rep_id,
        team_id,
        department_id,
        null as lead_source_group,
        null as campaign_id,
        null as channel,
        null as platform,
        null as product_id,
        segment,
        null as stage,
        customer_type,
        legal_entity

    from activities
    where is_call and direction = 'outbound' and is_completed and occurred_date is not null

),

contributions as (

    select * from opportunities_created
    union all
    select * from active_deals
    union all
    select * from open_pipeline_value
    union all
    select * from closes_measured
    union all
    select * from sales_bookings
    union all
    select * from avg_deal_size
    union all
    select * from calls_made

),

contributions_of_days as (

    select * from contributions
    {{ in_changed_days('report_date') }}

)

{{ sum_contributions('contributions_of_days') }}
