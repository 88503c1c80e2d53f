with

users as (

    select * from {{ ref('int_users_versioned') }}
    where is_current

)

select
    user_id,
    user_name,
    team_id,
    department_id,
    manager_id,
    role,
    region,
    fte,
    is_active and valid_to >= {{ as_of_date() }} as is_active

from users
union all
select
    '(unknown)' as user_id,
    '(unknown)' as user_name,
    null as team_id,
    null as department_id,
    null as manager_id,
    null as role,
    null as region,
    null as fte,
    null as is_active
