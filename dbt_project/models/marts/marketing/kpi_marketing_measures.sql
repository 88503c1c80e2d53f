{%- set dated = {
    'fct_leads': {
        'days': ['created_date', 'mql_date', 'sql_date'],
        'columns': [
            'created_date', 'created_owner_id', 'created_owner_team_id',
            'created_owner_department_id', 'creator_id', 'creator_team_id',
            'creator_department_id', 'mql_date', 'mql_owner_id', 'mql_owner_team_id',
            'mql_owner_department_id', 'sql_date', 'sql_owner_id', 'sql_owner_team_id',
            'sql_owner_department_id', 'lead_source_group', 'campaign_id', 'channel',
            'platform', 'segment', 'is_paid', 'legal_entity',
        ],
    },
    'fct_ad_performance_daily': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'currency', 'spend_amount', 'impression_count', 'click_count',
            'campaign_id', 'channel', 'platform', 'product_id', 'legal_entity',
        ],
    },
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

leads as (

    {{ changed_rows('fct_leads', dated['fct_leads']) }}

),

ad_days as (

    {{ changed_rows('fct_ad_performance_daily', dated['fct_ad_performance_daily']) }}

),

rates as (

    {{ changed_rows('fct_fx_rates_daily', dated['fct_fx_rates_daily']) }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

flow_rates as (

    select * from rates
    where rate_purpose = 'flow'

),

-- One row per person and KPI event: created, first qualified by marketing, by sales; credited
-- to the owner at the event. Whether the source is named is up to who entered the lead.
lead_events as (

    select
        leads.*,
        unnest([
            {
                'kpi_key': 'leads_created',
                'report_date': leads.created_date,
                'numerator': 1,
                'denominator': null,
                'rep_id': leads.created_owner_id,
                'team_id': leads.created_owner_team_id,
                'department_id': leads.created_owner_department_id
            },
            {
                'kpi_key': 'lead_source_completeness',
                'report_date': leads.created_date,
                'numerator': (leads.lead_source_group <> '(unknown)')::integer,
                'denominator': 1,
                'rep_id': leads.creator_id,
                'team_id': leads.creator_team_id,
                'department_id': leads.creator_department_id
            },
            {
                'kpi_key': 'mql_count',
                'report_date': leads.mql_date,
                'numerator': 1,
                'denominator': null,
                'rep_id': leads.mql_owner_id,
                'team_id': leads.mql_owner_team_id,
                'department_id': leads.mql_owner_department_id
            },
            {
                'kpi_key': 'sql_count',
                'report_date': leads.sql_date,
                'numerator': 1,
                'denominator': null,
                'rep_id': leads.sql_owner_id,
                'team_id': leads.sql_owner_team_id,
                'department_id': leads.sql_owner_department_id
            }
        ]) as event

    from leads

),

lead_counts as (

    select
        lead_events.event.kpi_key as kpi_key,
        lead_events.event.report_date as report_date,
        null as currency,
        null as original_currency,
        null as original_amount,
        lead_events.event.numerator as numerator,
        lead_events.event.denominator as denominator,
        lead_events.event.rep_id as rep_id,
        lead_events.event.team_id as team_id,
        lead_events.event.department_id as department_id,
        lead_events.lead_source_group,
        lead_events.campaign_id,
        lead_events.channel,
        lead_events.platform,
        null as product_id,
        lead_events.segment,
        null as stage,
        null as customer_type,
        lead_events.legal_entity

    from lead_events
    where lead_events.event.report_date is not null

),

ad_days_converted as (

    select
        ad_days.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('ad_days.spend_amount', 'flow_rates.rate', 'currencies.exponent') }}
            as converted_spend_amount

    from ad_days
    cross join currencies
    left join flow_rates
        on
            ad_days.report_date = flow_rates.rate_date
            and ad_days.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

-- Spend stands alone and as the numerator of the costs per click and per lead.
spend_measures as (

    select
        unnest([
            { 'kpi_key': 'ad_spend', 'denominator': null },
            { 'kpi_key': 'cpc', 'denominator': click_count },
            { 'kpi_key': 'cpl_media', 'denominator': 0 }
        ]) as measure,
        report_date,
        presentation_currency as currency,
        currency as original_currency,
        spend_amount as original_amount,
        converted_spend_amount as numerator,
        campaign_id,
        channel,
        platform,
        product_id,
        legal_entity

    from ad_days_converted

),

spend_counts as (

    select
        spend_measures.measure.kpi_key as kpi_key,
        spend_measures.report_date,
        spend_measures.currency,
        spend_measures.original_currency,
        spend_measures.original_amount,
        spend_measures.numerator,
        spend_measures.measure.denominator as denominator,
        null as rep_id,
        null as team_id,
        null as department_id,
        null as lead_source_group,
        spend_measures.campaign_id,
        spend_measures.channel,
        spend_measures.platform,
        spend_measures.product_id,
        null as segment,
        null as stage,
        null as customer_type,
        spend_measures.legal_entity

    from spend_measures
    -- Clicks the platform did not report leave their spend out of the cost per click.
    where
        spend_measures.measure.kpi_key <> 'cpc'
        or spend_measures.measure.denominator is not null

),

-- The other half of the cost per lead: leads attributed to paid, our count, not the
-- platform's claim.
paid_leads as (

    select
        'cpl_media' as kpi_key,
        leads.created_date as report_date,
        currencies.currency_id as currency,
        null as original_currency,
        null as original_amount,
        0 as numerator,
        1 as denominator,
        null as rep_id,
        null as team_id,
        null as department_id,
        null as lead_source_group,
        leads.campaign_id,
        leads.channel,
        leads.platform,
        '(unknown)' as product_id,
        null as segment,
        null as stage,
        null as customer_type,
        leads.legal_entity

    from leads
    cross join currencies
    where leads.is_paid and leads.created_date is not null

),

delivery_measures as (

    select
        unnest([
            {
                'kpi_key': 'impressions',
                'numerator': impression_count,
                'denominator': null
            },
            { 'kpi_key': 'clicks', 'numerator': click_count, 'denominator': null },
            {
                'kpi_key': 'ctr',
                'numerator': click_count,
                'denominator': impression_count
            }
        ]) as measure,
        report_date,
        campaign_id,
        channel,
        platform,
        product_id,
        legal_entity

    from ad_days

),

delivery_counts as (

    select
        delivery_measures.measure.kpi_key as kpi_key,
        delivery_measures.report_date,
        null as currency,
        null as original_currency,
        null as original_amount,
        delivery_measures.measure.numerator as numerator,
        delivery_measures.measure.denominator as denominator,
        null as rep_id,
        null as team_id,
        null as department_id,
        null as lead_source_group,
        delivery_measures.campaign_id,
        delivery_measures.channel,
        delivery_measures.platform,
        delivery_measures.product_id,
        null as segment,
        null as stage,
        null as customer_type,
        delivery_measures.legal_entity

    from delivery_measures
    -- Not reported is not 0: such a day says nothing about either part.
    where
        delivery_measures.measure.numerator is not null
        and (
            delivery_measures.measure.kpi_key <> 'ctr'
            or delivery_measures.measure.denominator is not null
        )

),

contributions as (

    select * from lead_counts
    union all
    select * from spend_counts
    union all
    select * from paid_leads
    union all
    select * from delivery_counts

),

contributions_of_days as (

    select * from contributions
    {{ in_changed_days('report_date') }}

)

{{ sum_contributions('contributions_of_days') }}
