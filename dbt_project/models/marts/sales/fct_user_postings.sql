with

users as (

    select * from {{ ref('int_users_versioned') }}

)

select
    user_id,
    valid_from,
    valid_to,
    role,
    team_id,
    department_id,
    fte

from users
-- Gone, and nobody wrote down since when: in no day's count.
where is_active or valid_to < date '9999-12-31'
