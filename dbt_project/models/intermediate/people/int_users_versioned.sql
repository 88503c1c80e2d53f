with

users as (

    select * from {{ ref('int_users_unioned') }}

),

users_bounded as (

    select
        *,
        -- A row ends at the latest the day before its successor begins, so that one day
        -- never has two teams even where a file leaves valid_to open.
        least(
            coalesce(valid_to, date '9999-12-31'),
            coalesce(
                lead(valid_from) over (partition by user_id order by valid_from) - 1,
                date '9999-12-31'
            )
        ) as last_valid_date,
        row_number() over (partition by user_id order by valid_from) = 1 as is_first,
        row_number() over (partition by user_id order by valid_from desc) = 1 as is_last

    from users
    where valid_from <= {{ as_of_date() }}

)

select
    user_id,
    valid_from,
    last_valid_date as valid_to,
    -- Days a team is looked up for: before the first and after the last row the nearest one
    -- holds, because a leaver's rows stay with the leaver's team.
    case when is_first then date '1900-01-01' else valid_from end as credited_from,
    case
        when is_last then date '9999-12-31'
        else lead(valid_from) over (partition by user_id order by valid_from) - 1
    end as credited_to,
    is_last as is_current,
    user_name,
    email,
    team_id,
    department_id,
    manager_id,
    role,
    region,
    fte,
    external_ids,
    is_active

from users_bounded
