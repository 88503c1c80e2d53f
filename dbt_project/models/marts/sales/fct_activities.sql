with

activities as (

    select * from {{ ref('int_activities_unioned') }}
    where not is_deleted

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

)

select
    activities.activity_id,
    activities.source_name,
    activities.source_record_id,
    activities.legal_entity,
    activities.activity_type,
    activities.is_call,
    activities.occurred_at,
    {{ report_date('activities.occurred_at') }} as occurred_date,
    coalesce(activities.direction, '(unknown)') as direction,
    coalesce(activities.outcome, '(unknown)') as outcome,
    activities.is_completed,
    activities.duration_seconds,
    coalesce(activities.rep_id, '(unknown)') as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    accounts.surviving_account_id as account_id,
    coalesce(accounts.segment, '(unknown)') as segment,
    '{{ var("build_id") }}' as build_id

from activities
left join users
    on
        activities.rep_id = users.user_id
        and {{ report_date('activities.occurred_at') }}
        between users.credited_from and users.credited_to
left join accounts
    on activities.account_id = accounts.account_id
