with

activities as (

    select * from {{ ref('int_activities_unioned') }}
    where not is_deleted

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

lead_records as (

    select * from {{ ref('int_leads_identified') }}

),

leads as (

    select * from {{ ref('int_leads_resolved') }}

),

first_purchases as (

    select * from {{ ref('int_buyers_first_bought') }}

),

type_map as (

    select * from {{ ref('activity_type_map') }}

),

-- Whom the activity was with: the account, else that of the person, else the person.
counterparts as (

    select
        activities.activity_id,
        leads.lead_id,
        coalesce(own_accounts.surviving_account_id, lead_accounts.surviving_account_id)
            as account_id,
        coalesce(
            own_accounts.surviving_account_id,
            lead_accounts.surviving_account_id,
            'lead:' || leads.lead_id
        ) as buyer_id,
        coalesce(own_accounts.segment, lead_accounts.segment) as segment

    from activities
    left join lead_records
        on activities.lead_id = lead_records.lead_id
    left join leads
        on lead_records.person_key = leads.person_key
    left join accounts as own_accounts
        on activities.account_id = own_accounts.account_id
    left join accounts as lead_accounts
        on leads.account_id = lead_accounts.account_id

),

described as (

    select
        activities.* exclude (lead_id, account_id),
        counterparts.account_id,
        counterparts.lead_id,
        counterparts.buyer_id,
        counterparts.segment,
        {{ report_date('activities.occurred_at') }} as occurred_date,
        case
            when activities.is_call then 'call' else coalesce(type_map.counts_as, 'other')
        end as counts_as,
        -- Voicemail is no answer; without an outcome nobody knows.
        case
            when not activities.is_call or not activities.is_completed then null
            when activities.outcome = 'answered' then true
            when activities.outcome in ('no_answer', 'busy', 'voicemail', 'failed')
                then false
        end as is_answered,
        -- Our own doing, answered or not.
        activities.is_completed
        and case
            when activities.is_call or activities.activity_type = 'email'
                then coalesce(activities.direction = 'outbound', false)
            else coalesce(activities.direction <> 'inbound', true)
        end as is_own_doing,
        {{ customer_type(
            'counterparts.buyer_id',
            'first_purchases.first_bought_at',
            'activities.occurred_at'
        ) }} as customer_type

    from activities
    inner join counterparts
        on activities.activity_id = counterparts.activity_id
    left join type_map
        on activities.activity_type = type_map.activity_type
    left join first_purchases
        on counterparts.buyer_id = first_purchases.buyer_id

),

-- Meetings first, so that a document of the same day and buyer is one presentation with it.
presentations as (

    select
        activity_id,
        is_meeting or row_number() over (
            partition by buyer_id, occurred_date
            order by is_meeting desc, occurred_at asc, activity_id asc
        ) = 1 or buyer_id is null as is_presentation

    from described
    where counts_as = 'presentation' and is_completed

),

approaches as (

    select
        activity_id,
        buyer_id,
        occurred_at,
        row_number() over (
            partition by buyer_id
            order by occurred_at, activity_id
        ) = 1 as is_first_ever,
        row_number() over (
            partition by buyer_id, {{ month_start('occurred_date') }}
            order by occurred_at, activity_id
        ) = 1 as is_first_of_month

    from described
    where is_own_doing and counts_as <> 'other' and customer_type = 'new'

),

-- They wrote or rang, or came to a meeting.
responses as (

    select
        buyer_id,
        occurred_at

    from described
    where is_completed and (direction = 'inbound' or is_meeting)

),

first_responses as (

    select
        approaches.activity_id,
        min(responses.occurred_at) as responded_at

    from approaches
    inner join responses
        on
            approaches.buyer_id = responses.buyer_id
            and approaches.occurred_at < responses.occurred_at
    where approaches.is_first_ever
    group by 1

)

select
    described.activity_id,
    described.source_name,
    described.source_record_id,
    described.legal_entity,
    described.activity_type,
    described.counts_as,
    described.is_call,
    described.is_meeting,
    described.occurred_at,
    described.occurred_date,
    coalesce(described.direction, '(unknown)') as direction,
    coalesce(described.outcome, '(unknown)') as outcome,
    described.is_completed,
    described.is_answered,
    described.duration_seconds,
    coalesce(described.rep_id, '(unknown)') as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    described.account_id,
    described.lead_id,
    coalesce(described.segment, '(unknown)') as segment,
    described.customer_type,
    described.is_own_doing and described.customer_type = 'new' as is_prospecting,
    coalesce(presentations.is_presentation, false) as is_presentation,
    coalesce(approaches.is_first_ever, false) as is_first_approach,
    coalesce(approaches.is_first_of_month, false) as is_first_approach_of_month,
    first_responses.responded_at,
    '{{ var("build_id") }}' as build_id

from described
left join users
    on
        described.rep_id = users.user_id
        and described.occurred_date between users.credited_from and users.credited_to
left join presentations
    on described.activity_id = presentations.activity_id
left join approaches
    on described.activity_id = approaches.activity_id
left join first_responses
    on described.activity_id = first_responses.activity_id
