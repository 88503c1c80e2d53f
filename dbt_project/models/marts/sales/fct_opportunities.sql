with

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away and not is_deleted

),

versions as (

    select * from {{ ref('int_opportunities_versioned') }}
    where is_current

),

creations as (

    select * from {{ ref('int_opportunities_versioned') }}
    qualify row_number() over (
        partition by opportunity_id
        order by valid_from
    ) = 1

),

descriptions as (

    select * from {{ ref('int_opportunities_described') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

people_resolved as (

    select
        opportunities.opportunity_id,
        versions.rep_id,
        -- Automation created it: whoever owned it first stands for the creator.
        coalesce(identities.user_id, creations.rep_id) as creator_id

    from opportunities
    left join versions
        on opportunities.opportunity_id = versions.opportunity_id
    left join creations
        on opportunities.opportunity_id = creations.opportunity_id
    left join identities
        on
            opportunities.source_name = identities.source_name
            and opportunities.source_creator_id = identities.source_user_id

)

select
    opportunities.opportunity_id,
    opportunities.source_name,
    opportunities.source_record_id,
    opportunities.legal_entity,
    opportunities.account_id,
    descriptions.lead_id,
    opportunities.created_at,
    {{ report_date('opportunities.created_at') }} as created_date,
    opportunities.pipeline,
    opportunities.is_sales_pipeline,
    coalesce(opportunities.deal_type, '(unknown)') as deal_type,
    coalesce(versions.status, opportunities.status) as status,
    coalesce(versions.stage, '(unknown)') as stage,
    versions.amount,
    opportunities.currency,
    versions.expected_close_date,
    opportunities.close_reason,
    opportunities.term_months,
    coalesce(people_resolved.rep_id, '(unknown)') as rep_id,
    coalesce(people_resolved.creator_id, '(unknown)') as creator_id,
    coalesce(creator_teams.team_id, '(unknown)') as creator_team_id,
    coalesce(creator_teams.department_id, '(unknown)') as creator_department_id,
    descriptions.lead_source_group,
    descriptions.campaign_id,
    descriptions.platform,
    descriptions.channel,
    descriptions.product_id,
    descriptions.segment,
    descriptions.customer_type,
    opportunities.contact_method,
    '{{ var("build_id") }}' as build_id

from opportunities
inner join descriptions
    on opportunities.opportunity_id = descriptions.opportunity_id
inner join people_resolved
    on opportunities.opportunity_id = people_resolved.opportunity_id
left join versions
    on opportunities.opportunity_id = versions.opportunity_id
left join users as creator_teams
    on
        people_resolved.creator_id = creator_teams.user_id
        and {{ report_date('opportunities.created_at') }}
        between creator_teams.credited_from and creator_teams.credited_to
