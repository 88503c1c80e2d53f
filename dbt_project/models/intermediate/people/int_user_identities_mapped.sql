with

users as (

    select * from {{ ref('int_users_unioned') }}

),

owners as (

    select * from {{ ref('stg_hubspot__owners') }}

),

file_owner_ids as (

    select * from {{ ref('int_file_owners_listed') }}

),

external_ids_exploded as (

    select
        user_id,
        external_ids,
        unnest(json_keys(external_ids)) as source_name

    from users
    where external_ids is not null

),

by_external_id as (

    select
        source_name,
        json_extract_string(external_ids, '$."' || source_name || '"') as source_user_id,
        user_id,
        1 as rule_order,
        'external_id' as match_rule

    from external_ids_exploded

),

by_email as (

    select
        owners.source_name,
        owners.owner_id as source_user_id,
        users.user_id,
        2 as rule_order,
        'email' as match_rule

    from owners
    inner join users
        on owners.email = users.email

),

by_same_id as (

    select
        file_owner_ids.source_name,
        file_owner_ids.owner_id as source_user_id,
        users.user_id,
        3 as rule_order,
        'same_id' as match_rule

    from file_owner_ids
    inner join users
        on file_owner_ids.owner_id = users.user_id

),

matches as (

    select * from by_external_id
    union all
    select * from by_email
    union all
    select * from by_same_id

),

matches_ranked as (

    select
        source_name,
        source_user_id,
        user_id,
        match_rule

    from matches
    qualify row_number() over (
        partition by source_name, source_user_id
        order by rule_order, user_id
    ) = 1

),

-- Creator fields of HubSpot hold user ids, not owner ids: two ids of one person.
crm_users as (

    select
        owners.source_name,
        owners.crm_user_id as source_user_id,
        matches_ranked.user_id,
        'owner' as match_rule

    from owners
    inner join matches_ranked
        on
            owners.source_name = matches_ranked.source_name
            and owners.owner_id = matches_ranked.source_user_id
    anti join matches_ranked as direct
        on
            owners.source_name = direct.source_name
            and owners.crm_user_id = direct.source_user_id
    where owners.crm_user_id is not null
    qualify row_number() over (
        partition by owners.source_name, owners.crm_user_id
        order by matches_ranked.user_id
    ) = 1

)

select * from matches_ranked
union all
select * from crm_users
