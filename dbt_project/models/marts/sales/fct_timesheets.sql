with

timesheets as (

    select * from {{ ref('stg_files__timesheets') }}

),

users as (

    select * from {{ ref('int_users_versioned') }}

)

select
    timesheets.user_id as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    timesheets.date_day as worked_date,
    timesheets.activity_type,
    timesheets.hours,
    timesheets.hourly_cost_amount,
    timesheets.currency

from timesheets
left join users
    on
        timesheets.user_id = users.user_id
        and timesheets.date_day between users.credited_from and users.credited_to
where timesheets.date_day <= {{ as_of_date() }}
