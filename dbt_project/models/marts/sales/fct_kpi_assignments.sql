with

assignments as (

    select * from {{ ref('stg_files__kpi_assignments') }}

),

users as (

    select * from {{ ref('int_users_versioned') }}

)

select
    assignments.user_id as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    assignments.kpi_key as assigned_kpi_key,
    assignments.period_start as period_start_date,
    case
        when assignments.acknowledged_at <= {{ as_of_date() }} then assignments.acknowledged_at
    end as acknowledged_date

from assignments
left join users
    on
        assignments.user_id = users.user_id
        and assignments.period_start between users.credited_from and users.credited_to
where assignments.period_start <= {{ as_of_date() }}
