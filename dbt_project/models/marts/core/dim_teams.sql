with

users as (

    select * from {{ ref('int_users_versioned') }}

),

-- The department a team was last seen in; a team that lost all its members keeps it.
teams as (

    select
        team_id,
        arg_max(department_id, valid_from) as department_id,
        bool_or(is_current) as has_members

    from users
    where team_id is not null
    group by 1

)

select
    team_id,
    team_id as team_name,
    department_id,
    has_members

from teams
union all
select
    '(unknown)' as team_id,
    '(unknown)' as team_name,
    null as department_id,
    null as has_members
