{%- set lead_dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'segment', 'legal_entity',
] -%}
{%- set ad_dimensions = ['campaign_id', 'channel', 'platform', 'product_id', 'legal_entity'] -%}
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
    'fct_lead_requalifications': {
        'days': ['requalified_date'],
        'columns': [
            'requalified_date', 'owner_id', 'owner_team_id', 'owner_department_id',
            'lead_source_group', 'campaign_id', 'channel', 'platform', 'segment',
            'legal_entity',
        ],
    },
    'fct_ad_performance_daily': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'currency', 'spend_amount', 'impression_count', 'click_count',
            'conversion_value_amount', 'campaign_id', 'channel', 'platform', 'product_id',
            'legal_entity',
        ],
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{%- set records = {
    'ad_days': ["'ad_performance_daily'", 'ad_performance_id'],
    'ad_days_converted': ["'ad_performance_daily'", 'ad_performance_id'],
    'leads': ["'leads'", 'lead_id'],
    'paid_leads': ["'leads'", 'lead_id'],
    'requalified_leads': ["'leads'", 'lead_id'],
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

leads as (

    {{ changed_rows('fct_leads', dated['fct_leads']) }}

),

requalified_leads as (

    {{ changed_rows('fct_lead_requalifications', dated['fct_lead_requalifications']) }}

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

ad_days_converted as (

    select
        ad_days.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('ad_days.spend_amount', 'flow_rates.rate', 'currencies.exponent') }}
            as converted_amount,
        {{ convert_money(
            'ad_days.conversion_value_amount', 'flow_rates.rate', 'currencies.exponent'
        ) }} as converted_claim_amount

    from ad_days
    cross join currencies
    left join flow_rates
        on
            ad_days.report_date = flow_rates.rate_date
            and ad_days.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

-- Leads attributed to paid: our count, not the platform's claim.
paid_leads as (

    select
        leads.*,
        currencies.currency_id as presentation_currency

    from leads
    cross join currencies
    where leads.is_paid

),

-- Leads: one row per person and event (created, first qualified by marketing, by sales),
-- credited to the owner at the event.
contributions as (

    {%- for kpi_key, event in [
        ('leads_created', 'created'), ('mql_count', 'mql'), ('sql_count', 'sql'),
    ] %}
        {{ contribution(
            kpi_key, of='leads', day=event ~ '_date', where=event ~ '_date is not null',
            numerator=1, by=lead_dimensions,
            under={
                'rep_id': event ~ '_owner_id',
                'team_id': event ~ '_owner_team_id',
                'department_id': event ~ '_owner_department_id',
            },
        ) }}
        union all
    {%- endfor %}
    {{ contribution(
        'mql_count', of='requalified_leads', variant='requalified', day='requalified_date',
        numerator=1, by=lead_dimensions,
        under={
            'rep_id': 'owner_id',
            'team_id': 'owner_team_id',
            'department_id': 'owner_department_id',
        },
    ) }}
    union all
    -- Whether the source is named is up to who entered the lead.
    {{ contribution(
        'lead_source_completeness', of='leads', day='created_date',
        where='created_date is not null',
        numerator="(lead_source_group <> '(unknown)')::integer", denominator=1,
        by=lead_dimensions,
        under={
            'rep_id': 'creator_id',
            'team_id': 'creator_team_id',
            'department_id': 'creator_department_id',
        },
    ) }}
    union all
    {{ contribution(
        'ad_spend', of='ad_days_converted', day='report_date',
        currency='presentation_currency', original_amount='spend_amount',
        numerator='converted_amount', by=ad_dimensions,
    ) }}
    union all
    -- Clicks the platform did not report leave their spend out of the cost per click.
    {{ contribution(
        'cpc', of='ad_days_converted', day='report_date', where='click_count is not null',
        currency='presentation_currency', original_amount='spend_amount',
        numerator='converted_amount', denominator='click_count', by=ad_dimensions,
    ) }}
    union all
    {{ contribution(
        'cpl_media', of='ad_days_converted', day='report_date',
        currency='presentation_currency', original_amount='spend_amount',
        numerator='converted_amount', denominator=0, by=ad_dimensions,
    ) }}
    union all
    {{ contribution(
        'cpl_media', of='paid_leads', day='created_date', where='created_date is not null',
        currency='presentation_currency', numerator=0, denominator=1, by=ad_dimensions,
        under={'product_id': "'(unknown)'"},
    ) }}
    union all
    -- The platform's claim, apart from our own revenue; not reported is not 0.
    {{ contribution(
        'platform_conversion_value', of='ad_days_converted', day='report_date',
        where='conversion_value_amount is not null', currency='presentation_currency',
        original_amount='conversion_value_amount', numerator='converted_claim_amount',
        by=ad_dimensions,
    ) }}
    union all
    -- Not reported is not 0: such a day says nothing about either part.
    {{ contribution(
        'impressions', of='ad_days', day='report_date', where='impression_count is not null',
        numerator='impression_count', by=ad_dimensions,
    ) }}
    union all
    {{ contribution(
        'clicks', of='ad_days', day='report_date', where='click_count is not null',
        numerator='click_count', by=ad_dimensions,
    ) }}
    union all
    {{ contribution(
        'ctr', of='ad_days', day='report_date',
        where='click_count is not null and impression_count is not null',
        numerator='click_count', denominator='impression_count', by=ad_dimensions,
    ) }}

)

{{ sum_contributions('contributions') }}
