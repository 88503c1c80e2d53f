{%- set lead_dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'segment', 'legal_entity',
] -%}
{%- set dated = {
    'fct_leads': {
        'days': ['created_date', 'mql_date', 'sql_date', 'won_date'],
        'columns': [
            'created_date', 'created_owner_id', 'created_owner_team_id',
            'created_owner_department_id', 'mql_date', 'mql_owner_id', 'mql_owner_team_id',
            'mql_owner_department_id', 'sql_date', 'sql_owner_id', 'sql_owner_team_id',
            'sql_owner_department_id', 'qualified_date', 'qualified_owner_id',
            'qualified_owner_team_id', 'qualified_owner_department_id', 'won_date',
            'won_owner_id', 'won_owner_team_id', 'won_owner_department_id',
            'conversion_days',
        ] + lead_dimensions,
    },
    'fct_lead_conversions': {
        'days': ['won_date'],
        'columns': [
            'won_date', 'is_long_for_price', 'won_owner_id', 'won_owner_team_id',
            'won_owner_department_id',
        ] + lead_dimensions,
    },
} -%}
{%- set records = {
    'conversions': ["'leads'", 'lead_id'],
    'leads': ["'leads'", 'lead_id'],
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'day': 'report_date', 'dated': dated, 'records': records},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

{#- KPI -> the step entered, the step reached, and per variant the days allowed for it; that of
    the standard figure is the registry's window_days. -#}
{%- set steps = {
    'lead_to_mql_rate': ('created', 'mql', {'standard': 90}),
    'mql_to_sql_rate': ('mql', 'sql', {'standard': 90}),
    'sql_to_won_rate': ('sql', 'won', {'standard': 180}),
    'lead_to_sale_rate': ('created', 'won', {'standard': 180}),
    'qualified_lead_to_customer_rate': (
        'qualified', 'won', {'standard': 180, 'days_90': 90, 'days_365': 365}
    ),
} -%}
{#- Credit goes to whoever owned the lead as it happened. -#}
{%- set owner_at = {} -%}
{%- for event in ['created', 'mql', 'sql', 'qualified', 'won'] -%}
    {%- do owner_at.update({event: {
        'rep_id': event ~ '_owner_id',
        'team_id': event ~ '_owner_team_id',
        'department_id': event ~ '_owner_department_id',
    }}) -%}
{%- endfor -%}

with

leads as (

    {{ changed_rows('fct_leads', dated['fct_leads']) }}

),

conversions as (

    {{ changed_rows('fct_lead_conversions', dated['fct_lead_conversions']) }}

),

contributions as (

    -- Cohort: of those who entered a step on the day, how many reached the next in time. One
    -- who had reached it already has reached it.
    {%- for kpi_key, (entered, reached, windows) in steps.items() %}
        {%- for variant, days in windows.items() %}
            {{ contribution(
                kpi_key, of='leads', day=entered ~ '_date',
                where=entered ~ '_date is not null',
                numerator='coalesce(' ~ reached ~ '_date - ' ~ entered ~ '_date <= ' ~ days
                ~ ', false)::integer',
                denominator=1, variant=variant, by=lead_dimensions, under=owner_at[entered],
            ) }}
            union all
        {%- endfor %}
    {%- endfor %}
    -- Period: what happened over what happened, whoever it happened to.
    {%- for kpi_key, (entered, reached, windows) in steps.items()
        if kpi_key != 'qualified_lead_to_customer_rate' %}
        {%- for event, numerator, denominator in [(reached, 1, 0), (entered, 0, 1)] %}
            {{ contribution(
                kpi_key, of='leads', day=event ~ '_date', where=event ~ '_date is not null',
                numerator=numerator, denominator=denominator, variant='period',
                by=lead_dimensions, under=owner_at[event],
            ) }}
            union all
        {%- endfor %}
    {%- endfor %}
    {{ contribution(
        'avg_conversion_time_days', of='leads', day='won_date',
        where='conversion_days is not null', numerator='conversion_days', denominator=1,
        is_case=true, by=lead_dimensions, under=owner_at['won'],
    ) }}
    union all
    -- Whom the average leaves out, and how many that is.
    {{ contribution(
        'conversion_time_coverage', of='leads', day='won_date',
        where='won_date is not null', numerator='(conversion_days is not null)::integer',
        denominator=1, by=lead_dimensions, under=owner_at['won'],
    ) }}
    union all
    {{ contribution(
        'conversion_time_to_price_alert', of='conversions', day='won_date',
        numerator='is_long_for_price::integer', denominator=1, by=lead_dimensions,
        under=owner_at['won'],
    ) }}

)

{{ sum_contributions('contributions') }}
