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

)

select
    activities.activity_id,
    activities.source_name,
    activities.source_record_id,
    activities.legal_entity,
    activities.activity_type,
    activities.is_call,
    activities.occurred_at,
    {{ report_date('activities.occurred_at') }} as occurred_date,
    coalesce(activities.direction, '(unknown)') as direction,
    coalesce(activities.outcome, '(unknown)') as outcome,
    activities.is_completed,
    -- Voicemail is no answer; without an outcome nobody knows.
    case
        when not activities.is_call or not activities.is_completed then null
        when activities.outcome = 'answered' then true
        when activities.outcome in ('no_answer', 'busy', 'voicemail', 'failed') then false
    end as is_answered,
    activities.duration_seconds,
    coalesce(activities.rep_id, '(unknown)') as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    counterparts.account_id,
    counterparts.lead_id,
    coalesce(counterparts.segment, '(unknown)') as segment,
    {{ customer_type(
        'counterparts.buyer_id',
        'first_purchases.first_bought_at',
        'activities.occurred_at'
    ) }} as customer_type,
    '{{ var("build_id") }}' as build_id

from activities
inner join counterparts
    on activities.activity_id = counterparts.activity_id
left join users
    on
        activities.rep_id = users.user_id
        and {{ report_date('activities.occurred_at') }}
        between users.credited_from and users.credited_to
left join first_purchases
    on counterparts.buyer_id = first_purchases.buyer_id
