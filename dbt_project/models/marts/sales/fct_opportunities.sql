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

-- What stood in the deal as the day it was created ended: people save first and fill in then.
creation_days as (

    select * from {{ ref('int_opportunities_versioned') }}
    qualify
        valid_from_date = min(valid_from_date) over (partition by opportunity_id)
        and row_number() over (
            partition by opportunity_id, valid_from_date
            order by valid_from desc
        ) = 1

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

trials as (

    select * from {{ ref('fct_trials') }}

),

closes as (

    select * from {{ ref('int_opportunities_closed') }}

),

buyers as (

    select * from {{ ref('int_opportunity_buyers_identified') }}

),

activities as (

    select * from {{ ref('fct_activities') }}
    where is_completed

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

reasons as (

    select * from {{ ref('close_reason_map') }}

),

-- Several reasons in one field are separated by ';': the first is the primary one.
reasons_given as (

    select
        opportunity_id,
        lower(trim(string_split(close_reason, ';')[1])) as reason

    from opportunities

),

-- A way of contact somebody took; a task or a document sent says nothing of one.
contacts as (

    select
        coalesce(account_id, 'lead:' || lead_id) as buyer_id,
        occurred_at,
        case
            when is_call then 'call'
            when activity_type = 'email' then 'email'
            when is_meeting then 'meeting'
        end as contact_method

    from activities

),

-- Which contact a sale came of: the last one before the deal, or what opened the door.
sales_contacts as (

    select
        opportunities.opportunity_id,
        {{ 'arg_min' if policy('contact_method_touch') == 'first_completed_before_creation'
            else 'arg_max' }}(contacts.contact_method, contacts.occurred_at) as contact_method

    from opportunities
    inner join buyers
        on opportunities.opportunity_id = buyers.opportunity_id
    inner join contacts
        on
            buyers.buyer_id = contacts.buyer_id
            and opportunities.created_at > contacts.occurred_at
    where contacts.contact_method is not null
    group by 1

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
    buyers.buyer_id,
    opportunities.created_at,
    {{ report_date('opportunities.created_at') }} as created_date,
    opportunities.pipeline,
    opportunities.is_sales_pipeline,
    coalesce(opportunities.deal_type, '(unknown)') as deal_type,
    coalesce(versions.status, opportunities.status) as status,
    coalesce(versions.stage, '(unknown)') as stage,
    versions.amount,
    creation_days.amount as created_amount,
    coalesce(creation_days.is_amount_known, false) as is_created_amount_known,
    opportunities.currency,
    versions.expected_close_date,
    case
        when
            coalesce(versions.status, opportunities.status) = 'open'
            and versions.expected_close_date < {{ as_of_date() }}
            then versions.expected_close_date
    end as overdue_date,
    closes.status = 'won' as is_won,
    {{ report_date('closes.closed_at') }} as closed_date,
    opportunities.close_reason,
    case
        when reasons_given.reason is null then '(not given)'
        else coalesce(reasons.win_loss_reason, 'other')
    end as win_loss_reason,
    opportunities.term_months,
    coalesce(people_resolved.rep_id, '(unknown)') as rep_id,
    coalesce(rep_teams.team_id, '(unknown)') as team_id,
    coalesce(rep_teams.department_id, '(unknown)') as department_id,
    coalesce(people_resolved.creator_id, '(unknown)') as creator_id,
    coalesce(creator_teams.team_id, '(unknown)') as creator_team_id,
    coalesce(creator_teams.department_id, '(unknown)') as creator_department_id,
    descriptions.lead_source_group,
    descriptions.campaign_id,
    descriptions.platform,
    descriptions.is_paid,
    descriptions.channel,
    descriptions.product_id,
    descriptions.segment,
    descriptions.customer_type,
    accounts.is_icp_fit,
    trials.started_date as trial_date,
    opportunities.contact_method,
    coalesce(
        {{ 'opportunities' if policy('contact_method_touch') == 'recorded_on_deal'
            else 'sales_contacts' }}.contact_method,
        '(none)'
    ) as sales_contact_method,
    '{{ var("build_id") }}' as build_id

from opportunities
inner join descriptions
    on opportunities.opportunity_id = descriptions.opportunity_id
inner join people_resolved
    on opportunities.opportunity_id = people_resolved.opportunity_id
inner join buyers
    on opportunities.opportunity_id = buyers.opportunity_id
inner join reasons_given
    on opportunities.opportunity_id = reasons_given.opportunity_id
left join reasons
    on reasons_given.reason = reasons.reason
left join versions
    on opportunities.opportunity_id = versions.opportunity_id
left join creation_days
    on opportunities.opportunity_id = creation_days.opportunity_id
left join closes
    on opportunities.opportunity_id = closes.opportunity_id
left join accounts
    on opportunities.account_id = accounts.account_id
left join trials
    on opportunities.account_id = trials.account_id
left join sales_contacts
    on opportunities.opportunity_id = sales_contacts.opportunity_id
left join users as creator_teams
    on
        people_resolved.creator_id = creator_teams.user_id
        and {{ report_date('opportunities.created_at') }}
        between creator_teams.credited_from and creator_teams.credited_to
left join users as rep_teams
    on
        people_resolved.rep_id = rep_teams.user_id
        and {{ as_of_date() }} between rep_teams.credited_from and rep_teams.credited_to
