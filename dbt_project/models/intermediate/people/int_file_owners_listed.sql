with

leads as (

    select * from {{ ref('stg_files__leads') }}

),

lead_changes as (

    select * from {{ ref('stg_files__lead_changes') }}

),

opportunities as (

    select * from {{ ref('stg_files__opportunities') }}
    where is_standing

),

opportunity_changes as (

    select * from {{ ref('stg_files__opportunity_changes') }}

),

activities as (

    select * from {{ ref('stg_files__activities') }}

),

accounts as (

    select * from {{ ref('stg_files__accounts') }}

),

ids_named as (

    select
        source_name,
        owner_id

    from leads
    union
    select
        source_name,
        created_by_id as owner_id

    from leads
    union
    select
        source_name,
        new_value as owner_id

    from lead_changes
    where field = 'owner'
    union
    select
        source_name,
        owner_id

    from opportunities
    union
    select
        source_name,
        created_by_id as owner_id

    from opportunities
    union
    select
        source_name,
        new_value as owner_id

    from opportunity_changes
    where field = 'owner_id'
    union
    select
        source_name,
        owner_id

    from activities
    union
    select
        source_name,
        owner_id

    from accounts

)

select
    source_name,
    owner_id

from ids_named
where owner_id is not null
