with

leads as (

    select * from {{ ref('fct_leads') }}
    where
        lead_source_group = '(unknown)'
        -- After a year nobody remembers where somebody came from.
        and created_date > {{ as_of_date() }} - 365

),

users as (

    select * from {{ ref('dim_users') }}

)

select
    leads.lead_id,
    leads.source_name,
    leads.source_record_id,
    leads.created_date,
    leads.source is null as is_blank,
    leads.creator_id as entered_by_id,
    creators.user_name as entered_by_name,
    leads.owner_id,
    owners.user_name as owner_name,
    leads.legal_entity,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from leads
left join users as creators
    on leads.creator_id = creators.user_id
left join users as owners
    on leads.owner_id = owners.user_id
