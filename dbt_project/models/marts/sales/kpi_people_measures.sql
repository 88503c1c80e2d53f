{%- set records = {
    'assignments': ["'kpi_assignments'", 'rep_id'],
    'calls_with_target': ["'users'", 'rep_id'],
    'rep_days': ["'users'", 'rep_id'],
    'target_shares': ["'targets'", 'rep_id'],
} -%}
{{ config(meta={'records': records}) }}

with

postings as (

    select * from {{ ref('fct_user_postings') }}

),

days_off as (

    select * from {{ ref('fct_user_days_off') }}

),

activities as (

    select * from {{ ref('fct_activities') }}

),

targets as (

    select * from {{ ref('fct_period_targets') }}
    where kpi_key = 'calls_made' and scope_type = 'rep'

),

assignments as (

    select * from {{ ref('fct_kpi_assignments') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- Before anybody did anything there is nothing to divide: an owner list alone names people
-- from the beginning of time.
first_days as (

    select min(occurred_date) as first_date from activities

),

known_dates as (

    select dates.date_day
    from dates
    inner join first_days
        on dates.date_day >= first_days.first_date
    where dates.is_past

),

rep_days as (

    select
        known_dates.date_day as report_date,
        postings.user_id as rep_id,
        coalesce(postings.team_id, '(unknown)') as team_id,
        coalesce(postings.department_id, '(unknown)') as department_id,
        postings.fte

    from known_dates
    inner join postings
        on known_dates.date_day between postings.valid_from and postings.valid_to
    where postings.role = 'rep'

),

-- A target lies on the working days of its person: the company's, without leave and without
-- days before joining or after leaving.
target_days as (

    select
        targets.period_target_id,
        targets.prorated_current_value as target_value,
        dates.date_day,
        dates.is_past,
        postings.user_id as rep_id,
        coalesce(postings.team_id, '(unknown)') as team_id,
        coalesce(postings.department_id, '(unknown)') as department_id,
        row_number() over (
            partition by targets.period_target_id
            order by dates.date_day
        ) as day_number,
        count(*) over (partition by targets.period_target_id) as day_count

    from targets
    inner join dates
        on dates.date_day between targets.period_start_date and targets.period_end_date
    inner join postings
        on
            targets.scope_id = postings.user_id
            and dates.date_day between postings.valid_from and postings.valid_to
    anti join days_off
        on
            postings.user_id = days_off.user_id
            and dates.date_day = days_off.date_day
    where dates.is_working_day

),

-- Each day's share ends a running total, so that the days of a period add up to its target.
target_shares as (

    select
        date_day as report_date,
        rep_id,
        team_id,
        department_id,
        {{ safe_divide('target_value * day_number', 'day_count') }}
        - {{ safe_divide('target_value * (day_number - 1)', 'day_count') }} as target_share

    from target_days
    where is_past

),

calls as (

    select
        occurred_date,
        rep_id,
        team_id,
        department_id,
        count(*) as call_count

    from activities
    where is_call and direction = 'outbound' and is_completed
    group by 1, 2, 3, 4

),

calls_with_target as (

    select calls.*
    from calls
    semi join targets
        on
            calls.rep_id = targets.scope_id
            and calls.occurred_date
            between targets.period_start_date and targets.period_end_date

),

contributions as (

    {{ contribution(
        'rep_fte_days', of='rep_days', day='report_date', numerator='fte',
        by=['rep_id', 'team_id', 'department_id'],
    ) }}
    union all
    {{ contribution(
        'call_target_attainment', of='target_shares', day='report_date', numerator=0,
        denominator='target_share', by=['rep_id', 'team_id', 'department_id'],
    ) }}
    union all
    {{ contribution(
        'call_target_attainment', of='calls_with_target', day='occurred_date',
        numerator='call_count', by=['rep_id', 'team_id', 'department_id'],
    ) }}
    union all
    {{ contribution(
        'kpi_acknowledgement_rate', of='assignments', day='period_start_date',
        numerator='coalesce(acknowledged_date <= period_start_date, false)::integer',
        denominator=1, by=['rep_id', 'team_id', 'department_id'],
    ) }}
    union all
    {{ contribution(
        'kpi_acknowledgement_rate', variant='late', of='assignments',
        day='period_start_date',
        numerator='coalesce(acknowledged_date > period_start_date, false)::integer',
        denominator=1, by=['rep_id', 'team_id', 'department_id'],
    ) }}

)

{{ sum_contributions('contributions') }}
