with

file_users as (

    select * from {{ ref('stg_files__users') }}

),

owners as (

    select * from {{ ref('stg_hubspot__owners') }}

),

file_owner_ids as (

    select * from {{ ref('int_file_owners_listed') }}

),

-- Where a users file is loaded it is the organisation; the CRM's own owner list only stands
-- in for it when there is none, so a leaver missing in the CRM never splits a person in two.
users_file_found as (

    select count(*) > 0 as has_users_file from file_users

),

file_rows as (

    select
        user_id,
        valid_from,
        valid_to,
        user_name,
        lower(trim(email)) as email,
        nullif(trim(team), '') as team_id,
        nullif(trim(department), '') as department_id,
        manager_id,
        role,
        region,
        -- A person without a stated share works full time.
        coalesce(fte, 1) as fte,
        external_ids,
        coalesce(is_active, true) as is_active

    from file_users

),

owner_rows as (

    select
        {{ record_key('owners.owner_id', 'owners.source_name') }} as user_id,
        date '1900-01-01' as valid_from,
        cast(null as date) as valid_to,
        coalesce(owners.owner_name, owners.owner_id) as user_name,
        owners.email,
        owners.team_name as team_id,
        cast(null as varchar) as department_id,
        cast(null as varchar) as manager_id,
        'rep' as role,
        cast(null as varchar) as region,
        1 as fte,
        json_object(owners.source_name, owners.owner_id) as external_ids,
        not owners.is_deleted as is_active

    from owners
    cross join users_file_found
    where not users_file_found.has_users_file

),

listed_rows as (

    select
        {{ record_key('file_owner_ids.owner_id', 'file_owner_ids.source_name') }} as user_id,
        date '1900-01-01' as valid_from,
        cast(null as date) as valid_to,
        file_owner_ids.owner_id as user_name,
        cast(null as varchar) as email,
        cast(null as varchar) as team_id,
        cast(null as varchar) as department_id,
        cast(null as varchar) as manager_id,
        'rep' as role,
        cast(null as varchar) as region,
        1 as fte,
        json_object(file_owner_ids.source_name, file_owner_ids.owner_id) as external_ids,
        true as is_active

    from file_owner_ids
    anti join owners
        on
            file_owner_ids.source_name = owners.source_name
            and file_owner_ids.owner_id = owners.owner_id
    cross join users_file_found
    where not users_file_found.has_users_file

),

all_rows as (

    select * from file_rows
    union all
    select * from owner_rows
    union all
    select * from listed_rows

)

select
    user_id,
    valid_from,
    valid_to,
    user_name,
    email,
    team_id,
    department_id,
    manager_id,
    role,
    region,
    cast(fte as decimal(38, 6)) as fte,
    cast(external_ids as varchar) as external_ids,
    is_active

from all_rows
