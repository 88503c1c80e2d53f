{%- set web_dimensions = ['channel', 'content_piece', 'legal_entity'] -%}
{%- set post_dimensions = ['platform', 'legal_entity'] -%}
{%- set dated = {
    'fct_email_campaigns_daily': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'campaign_id', 'delivered_count', 'open_count',
            'filtered_open_count', 'click_count', 'conversion_count', 'legal_entity',
        ],
    },
    'fct_social_posts_daily': {
        'days': ['report_date'],
        'columns': [
            'report_date', 'post_id', 'reach_count', 'impression_count', 'engagement_count',
            'share_count',
        ] + post_dimensions,
    },
    'fct_web_sessions_daily': {
        'days': ['report_date'],
        'columns': ['report_date', 'session_count', 'key_event_session_count']
        + web_dimensions,
    },
} -%}
{%- set records = {
    'email_days': ["'email_campaign_daily'", 'email_campaign_day_id'],
    'post_days': ["'social_posts_daily'", 'social_post_day_id'],
    'session_days': [
        "'web_sessions_daily'",
        "concat_ws('|', source_name, property_id, report_date, source, medium, campaign,"
        ~ ' landing_page)',
    ],
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

email_days as (

    {{ changed_rows('fct_email_campaigns_daily', dated['fct_email_campaigns_daily']) }}

),

post_days as (

    {{ changed_rows('fct_social_posts_daily', dated['fct_social_posts_daily']) }}

),

session_days as (

    {{ changed_rows('fct_web_sessions_daily', dated['fct_web_sessions_daily']) }}

),

contributions as (

    -- Not reported is not 0: a row without one part says nothing about either.
    {{ contribution(
        'email_delivered', of='email_days', day='report_date',
        where='delivered_count is not null', numerator='delivered_count',
        by=['campaign_id', 'legal_entity'],
    ) }}
    union all
    {%- for kpi_key, variant, numerator, denominator in [
        ('email_open_rate', 'standard', 'open_count', 'delivered_count'),
        ('email_open_rate', 'filtered', 'filtered_open_count', 'delivered_count'),
        ('email_click_rate', 'standard', 'click_count', 'delivered_count'),
        ('email_ctor', 'standard', 'click_count', 'open_count'),
        ('email_ctor', 'filtered', 'click_count', 'filtered_open_count'),
        ('email_conversion_rate', 'standard', 'conversion_count', 'delivered_count'),
    ] %}
        {{ contribution(
            kpi_key, of='email_days', day='report_date',
            where=numerator ~ ' is not null and ' ~ denominator ~ ' is not null',
            numerator=numerator, denominator=denominator, variant=variant,
            by=['campaign_id', 'legal_entity'],
        ) }}
        union all
    {%- endfor %}
    -- People reached cannot be added up: the denominator counts the measurements of a cell,
    -- and of more than one there is no figure.
    {{ contribution(
        'social_reach', of='post_days', day='report_date', where='reach_count is not null',
        numerator='reach_count', denominator=1, by=post_dimensions,
        under={'content_piece': 'post_id'},
    ) }}
    union all
    {%- for kpi_key, numerator in [
        ('social_engagements', 'engagement_count'), ('social_shares', 'share_count'),
    ] %}
        {{ contribution(
            kpi_key, of='post_days', day='report_date', where=numerator ~ ' is not null',
            numerator=numerator, by=post_dimensions, under={'content_piece': 'post_id'},
        ) }}
        union all
    {%- endfor %}
    {%- set shown = {
        'impressions': 'impression_count', 'reach': 'reach_count',
    }[policy('social_engagement_base')] %}
    {{ contribution(
        'social_engagement_rate', of='post_days', day='report_date',
        where='engagement_count is not null and ' ~ shown ~ ' is not null',
        numerator='engagement_count', denominator=shown, by=post_dimensions,
        under={'content_piece': 'post_id'},
    ) }}
    union all
    {{ contribution(
        'content_website_visits', of='session_days', day='report_date',
        where="content_piece <> '(none)' and session_count is not null",
        numerator='session_count', by=web_dimensions,
    ) }}
    union all
    -- Sessions with a key event, not key events: one session may have several.
    {{ contribution(
        'website_conversion_rate', of='session_days', day='report_date',
        where='key_event_session_count is not null and session_count is not null',
        numerator='key_event_session_count', denominator='session_count',
        by=web_dimensions,
    ) }}

)

{{ sum_contributions('contributions') }}
