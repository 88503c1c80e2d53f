with

users as (

    select * from {{ ref('int_users_versioned') }}

)

select distinct
    department_id,
    department_id as department_name

from users
where department_id is not null
union all
select
    '(unknown)' as department_id,
    '(unknown)' as department_name
