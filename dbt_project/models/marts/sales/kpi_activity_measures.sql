{%- set dimensions = [
    'rep_id', 'team_id', 'department_id', 'segment', 'customer_type', 'legal_entity',
] -%}
{%- set dated = {
    'fct_activities': {
        'days': ['occurred_date', 'occurred_date + 30'],
        'columns': [
            'activity_id', 'occurred_date', 'occurred_at', 'activity_type', 'counts_as', 'is_call',
            'is_meeting', 'direction', 'outcome', 'is_completed', 'is_answered',
            'duration_seconds', 'is_prospecting', 'is_presentation', 'is_first_approach',
            'is_first_approach_of_month', 'responded_at',
        ] + dimensions,
    },
    'fct_timesheets': {
        'days': ['worked_date'],
        'columns': [
            'worked_date', 'activity_type', 'hours', 'rep_id', 'team_id', 'department_id',
        ],
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{%- set records = {
    'completed': ["'activities'", 'activity_id'],
    'calls_answered_or_not': ["'activities'", 'activity_id'],
    'emails_sent': ["'activities'", 'activity_id'],
    'prospecting_hours': ['record_entity', 'record_id'],
    'prospecting_converted': ['record_entity', 'record_id'],
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

activities as (

    {{ changed_rows('fct_activities', dated['fct_activities']) }}

),

timesheets as (

    {{ changed_rows('fct_timesheets', dated['fct_timesheets']) }}

),

rates as (

    {{ changed_rows('fct_fx_rates_daily', dated['fct_fx_rates_daily']) }}

),

hourly_costs as (

    select * from {{ ref('fct_hourly_costs') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

completed as (

    select * from activities
    where is_completed and occurred_date is not null

),

calls_answered_or_not as (

    select * from completed
    where is_call and direction = 'outbound' and is_answered is not null

),

emails_sent as (

    select * from activities
    where
        activity_type = 'email'
        and direction = 'outbound'
        and occurred_date is not null
        and (is_completed or outcome = 'bounced')

),

-- When each prospecting activity began and ended, in microseconds.
prospecting_timed as (

    select
        *,
        epoch_us(occurred_at) as began_us,
        epoch_us(occurred_at) + cast(duration_seconds * 1000000 as bigint) as ended_us

    from completed
    where is_prospecting

),

-- Two things a person did at once took the time once. Of whom nobody knows, each stands alone.
prospecting_covered as (

    select
        *,
        case
            when rep_id <> '(unknown)'
                then max(ended_us) over (
                    partition by rep_id, occurred_date
                    order by began_us, ended_us
                    rows between unbounded preceding and 1 preceding
                )
        end as covered_until_us

    from prospecting_timed

),

prospecting_hours as (

    select
        'activities' as record_entity,
        activity_id as record_id,
        occurred_date as worked_date,
        rep_id,
        team_id,
        department_id,
        -- greatest() passes over NULL; what nobody timed stays NULL.
        case
            when ended_us is not null
                then
                    {{ safe_divide(
                        'greatest('
                        ~ 'ended_us - greatest(began_us, coalesce(covered_until_us, began_us)), 0'
                        ~ ')',
                        '3600000000'
                    ) }}
        end as hours

    from prospecting_covered
    union all
    select
        'timesheets' as record_entity,
        rep_id || '|' || worked_date as record_id,
        worked_date,
        rep_id,
        team_id,
        department_id,
        hours

    from timesheets
    where activity_type = 'prospecting'

),

-- Hours nobody can cost add nothing to the cost.
prospecting_costed as (

    select
        prospecting_hours.record_entity,
        prospecting_hours.record_id,
        prospecting_hours.worked_date,
        prospecting_hours.department_id,
        hourly_costs.currency,
        currencies.currency_id as presentation_currency,
        cast(
            prospecting_hours.hours * hourly_costs.hourly_cost_amount as decimal(38, 6)
        ) as amount,
        currencies.exponent

    from prospecting_hours
    left join hourly_costs
        on
            prospecting_hours.rep_id = hourly_costs.rep_id
            and prospecting_hours.worked_date
            between hourly_costs.valid_from and hourly_costs.valid_to
    cross join currencies

),

prospecting_converted as (

    select
        prospecting_costed.*,
        case
            when prospecting_costed.amount is null then 0
            else
                {{ convert_money(
                    'prospecting_costed.amount', 'rates.rate', 'prospecting_costed.exponent'
                ) }}
        end as converted_amount

    from prospecting_costed
    left join rates
        on
            rates.rate_purpose = 'flow'
            and prospecting_costed.worked_date = rates.rate_date
            and prospecting_costed.currency = rates.from_currency
            and prospecting_costed.presentation_currency = rates.to_currency

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
            where="activity_type = '" ~ kind ~ "' and (is_answered or is_meeting)",
            numerator=1, by=dimensions,
        ) }}
    {%- endfor %}
    union all
    {{ contribution(
        'sales_emails_sent', of='emails_sent', day='occurred_date',
        where="outcome <> 'bounced'", numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'sales_emails_sent', variant='bounced', of='emails_sent', day='occurred_date',
        where="outcome = 'bounced'", numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'sales_emails_sent', variant='lagged', of='emails_sent', day='occurred_date + 30',
        where="outcome <> 'bounced'", numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'meetings_held', of='completed', day='occurred_date', where='is_meeting',
        numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'presentations_delivered', of='completed', day='occurred_date',
        where='is_presentation', numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'prospecting_activities', of='completed', day='occurred_date',
        where='is_prospecting', numerator=1, by=dimensions,
        under={'activity_type': 'counts_as'},
    ) }}
    union all
    {{ contribution(
        'new_customer_contacts', of='completed', day='occurred_date',
        where="is_prospecting and counts_as <> 'other'", numerator=1, by=dimensions,
        under={'activity_type': 'counts_as'},
    ) }}
    union all
    -- Each once a month, with whoever came first, so that reps add up to the company.
    {{ contribution(
        'new_customers_contacted', of='completed', day='occurred_date',
        where='is_first_approach_of_month', numerator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'outreach_response_rate', of='completed', day='occurred_date',
        where='is_first_approach',
        numerator='coalesce(responded_at <= occurred_at + interval 30 day, false)::integer',
        denominator=1, by=dimensions, under={'activity_type': 'counts_as'},
    ) }}
    union all
    -- Of one scale with the cost below, or DuckDB cuts both to what is common to them. What
    -- nobody timed adds nothing; the denominator counts what was.
    {{ contribution(
        'prospecting_hours', of='prospecting_hours', day='worked_date',
        numerator='coalesce(hours, 0)', denominator='(hours is not null)::integer',
        by=['rep_id', 'team_id', 'department_id'],
    ) }}
    union all
    {{ contribution(
        'prospecting_cost', of='prospecting_converted', day='worked_date',
        currency='presentation_currency', original_amount='coalesce(amount, 0)',
        numerator='cast(converted_amount as decimal(38, 6))',
        denominator='(amount is not null)::integer', by=['department_id'],
    ) }}

)

{{ sum_contributions('contributions') }}
