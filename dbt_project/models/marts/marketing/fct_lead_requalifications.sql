with

requalified as (

    select * from {{ ref('int_leads_requalified') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

owner_versions as (

    select * from {{ ref('int_lead_owners_versioned') }}

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

-- Compared column with column, as in fct_leads.
owner_terms as (

    select
        lead_id,
        rep_id,
        valid_from,
        coalesce(valid_to, timestamptz 'infinity') as valid_to

    from owner_versions

),

dated as (

    select
        lead_id,
        requalified_at,
        {{ report_date('requalified_at') }} as requalified_date

    from requalified

)

select
    dated.lead_id,
    dated.requalified_at,
    dated.requalified_date,
    coalesce(owners.rep_id, '(unknown)') as owner_id,
    coalesce(users.team_id, '(unknown)') as owner_team_id,
    coalesce(users.department_id, '(unknown)') as owner_department_id,
    leads.lead_source_group,
    leads.campaign_id,
    leads.channel,
    leads.platform,
    leads.segment,
    leads.legal_entity

from dated
inner join leads
    on dated.lead_id = leads.lead_id
left join owner_terms as owners
    on
        dated.lead_id = owners.lead_id
        and dated.requalified_at >= owners.valid_from
        and dated.requalified_at < owners.valid_to
left join users
    on
        owners.rep_id = users.user_id
        and dated.requalified_date between users.credited_from and users.credited_to
