with recursive

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

companies as (

    select * from {{ ref('stg_hubspot__companies') }}

),

deals as (

    select * from {{ ref('stg_hubspot__deals') }}

),

file_leads as (

    select * from {{ ref('stg_files__leads') }}

),

file_accounts as (

    select * from {{ ref('stg_files__accounts') }}

),

file_opportunities as (

    select * from {{ ref('stg_files__opportunities') }}
    where is_standing

),

merges_listed as (

    select
        'lead' as object_type,
        source_name,
        unnest(string_split(merged_object_ids, ';')) as loser_id,
        lead_id as survivor_id

    from contacts
    union all
    select
        'account' as object_type,
        source_name,
        unnest(string_split(merged_object_ids, ';')) as loser_id,
        account_id as survivor_id

    from companies
    union all
    select
        'opportunity' as object_type,
        source_name,
        unnest(string_split(merged_object_ids, ';')) as loser_id,
        opportunity_id as survivor_id

    from deals
    union all
    select
        'lead' as object_type,
        source_name,
        lead_id as loser_id,
        merged_into_id as survivor_id

    from file_leads
    union all
    select
        'account' as object_type,
        source_name,
        account_id as loser_id,
        merged_into_id as survivor_id

    from file_accounts
    union all
    select
        'opportunity' as object_type,
        source_name,
        opportunity_id as loser_id,
        merged_into_id as survivor_id

    from file_opportunities

),

merged_records as (

    select
        object_type,
        source_name,
        trim(loser_id) as loser_id,
        min(survivor_id) as survivor_id

    from merges_listed
    where
        survivor_id is not null
        and trim(loser_id) not in ('', survivor_id)
    group by all

),

-- A survivor may be merged again; `union` (not all) ends a cycle.
merges_followed as (

    select * from merged_records
    union
    select
        merges_followed.object_type,
        merges_followed.source_name,
        merges_followed.loser_id,
        merged_records.survivor_id

    from merges_followed
    inner join merged_records
        on
            merges_followed.object_type = merged_records.object_type
            and merges_followed.source_name = merged_records.source_name
            and merges_followed.survivor_id = merged_records.loser_id

),

final_survivors as (

    select merges_followed.*
    from merges_followed
    anti join merged_records
        on
            merges_followed.object_type = merged_records.object_type
            and merges_followed.source_name = merged_records.source_name
            and merges_followed.survivor_id = merged_records.loser_id

)

select
    object_type,
    source_name,
    loser_id,
    survivor_id

from final_survivors
