{%- set dimensions = [
    'rep_id', 'team_id', 'department_id', 'segment', 'customer_type', 'legal_entity',
] -%}
{%- set dated = {
    'fct_activities': {
        'days': ['occurred_date'],
        'columns': [
            'occurred_date', 'activity_type', 'is_call', 'direction', 'is_completed',
            'is_answered', 'duration_seconds',
        ] + dimensions,
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

activities as (

    {{ changed_rows('fct_activities', dated['fct_activities']) }}

),

completed as (

    select * from activities
    where is_completed and occurred_date is not null

),

calls_answered_or_not as (

    select * from completed
    where is_call and direction = 'outbound' and is_answered is not null

),

contributions as (

    -- A call nobody timed adds nothing; the denominator counts those timed, because talk time
    -- of no timed call at all is unknown and not 0.
    {{ contribution(
        'talk_time_seconds', of='calls_answered_or_not', day='occurred_date',
        where='is_answered', numerator='coalesce(duration_seconds, 0)',
        denominator='(duration_seconds is not null)::integer', by=dimensions,
    ) }}
    union all
    {{ contribution(
        'unanswered_calls', of='calls_answered_or_not', day='occurred_date',
        where='not is_answered', numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'call_answer_rate', of='calls_answered_or_not', day='occurred_date',
        numerator='is_answered::integer', denominator=1, by=dimensions,
    ) }}
    {%- for kind in ['demo', 'onboarding', 'trial'] %}
        union all
        -- Who dialled does not matter, that it took place does.
        {{ contribution(
            kind ~ '_calls_completed', of='completed', day='occurred_date',
            where="activity_type = '" ~ kind ~ "' and is_answered", numerator=1,
            by=dimensions,
        ) }}
    {%- endfor %}

)

{{ sum_contributions('contributions') }}
