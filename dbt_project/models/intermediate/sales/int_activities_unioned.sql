with

calls as (

    select * from {{ ref('stg_hubspot__calls') }}

),

emails as (

    select * from {{ ref('stg_hubspot__emails') }}

),

meetings as (

    select * from {{ ref('stg_hubspot__meetings') }}

),

call_dispositions as (

    select * from {{ ref('stg_hubspot__call_dispositions') }}

),

file_activities as (

    select * from {{ ref('stg_files__activities') }}

),

status_map as (

    select * from {{ ref('call_outcome_map') }}
    where source_kind = 'hubspot' and code_type = 'status'

),

disposition_map as (

    select * from {{ ref('call_outcome_map') }}
    where source_kind = 'hubspot' and code_type = 'disposition'

),

email_status_map as (

    select * from {{ ref('call_outcome_map') }}
    where source_kind = 'hubspot' and code_type = 'email_status'

),

meeting_outcome_map as (

    select * from {{ ref('call_outcome_map') }}
    where source_kind = 'hubspot' and code_type = 'meeting_outcome'

),

hubspot_calls as (

    select
        calls.source_name,
        calls.source_account,
        calls.legal_entity,
        calls.activity_id,
        calls.activity_type,
        true as is_call,
        false as is_meeting,
        calls.occurred_at,
        calls.owner_id,
        calls.direction,
        -- What the caller noted beats what the line reported.
        coalesce(disposition_map.outcome, status_map.outcome) as outcome,
        -- Without a final status the end of the call never reached the CRM: not made yet.
        coalesce(status_map.is_final, false) as is_completed,
        calls.duration_seconds,
        calls.lead_id,
        calls.account_id,
        calls.opportunity_id,
        calls.is_deleted,
        calls.deleted_at

    from calls
    left join call_dispositions
        on
            calls.source_name = call_dispositions.source_name
            and calls.disposition_id = call_dispositions.disposition_id
    left join disposition_map
        on lower(call_dispositions.label) = disposition_map.code
    left join status_map
        on lower(calls.status) = status_map.code

),

hubspot_emails as (

    select
        emails.source_name,
        emails.source_account,
        emails.legal_entity,
        emails.activity_id,
        'email' as activity_type,
        false as is_call,
        false as is_meeting,
        emails.occurred_at,
        emails.owner_id,
        -- One forwarded to the CRM says nothing of who wrote to whom.
        case emails.direction
            when 'EMAIL' then 'outbound'
            when 'INCOMING_EMAIL' then 'inbound'
        end as direction,
        email_status_map.outcome,
        -- What goes out is done when it says sent; one that came back reached nobody. What
        -- came in is there, but for mail programs answering for people who are away, known
        -- by how the subjects of the usual ones begin: nobody did that.
        case emails.direction
            when 'EMAIL' then coalesce(email_status_map.is_final, false)
            when 'INCOMING_EMAIL'
                then
                    not coalesce(
                        regexp_matches(
                            lower(emails.subject),
                            '^(automatic reply|auto-?reply|out of office|(thư )?trả lời tự động)'
                        ),
                        false
                    )
            else false
        end as is_completed,
        cast(null as decimal(38, 6)) as duration_seconds,
        emails.lead_id,
        emails.account_id,
        emails.opportunity_id,
        emails.is_deleted,
        emails.deleted_at

    from emails
    left join email_status_map
        on lower(emails.status) = email_status_map.code

),

hubspot_meetings as (

    select
        meetings.source_name,
        meetings.source_account,
        meetings.legal_entity,
        meetings.activity_id,
        meetings.activity_type,
        false as is_call,
        true as is_meeting,
        meetings.occurred_at,
        meetings.owner_id,
        cast(null as varchar) as direction,
        meeting_outcome_map.outcome,
        -- Held, by its outcome: a meeting nobody reported on is not known to have been.
        coalesce(meeting_outcome_map.is_final, false) as is_completed,
        cast(
            date_diff('second', meetings.occurred_at, meetings.ends_at) as decimal(38, 6)
        ) as duration_seconds,
        meetings.lead_id,
        meetings.account_id,
        meetings.opportunity_id,
        meetings.is_deleted,
        meetings.deleted_at

    from meetings
    left join meeting_outcome_map
        on lower(meetings.outcome) = meeting_outcome_map.code

),

file_rows as (

    select
        source_name,
        source_account,
        legal_entity,
        activity_id,
        activity_type,
        activity_type = 'call' as is_call,
        activity_type in ('meeting', 'demo', 'onboarding', 'trial') as is_meeting,
        occurred_at,
        owner_id,
        direction,
        outcome,
        -- A file that names no status lists what happened; a meeting happened when held.
        coalesce(status, 'completed') = 'completed'
        and (
            activity_type not in ('meeting', 'demo', 'onboarding', 'trial')
            or coalesce(outcome, case when status = 'completed' then 'held' end, '')
            in ('held', 'answered')
        ) as is_completed,
        duration_seconds,
        lead_id,
        account_id,
        opportunity_id,
        coalesce(is_deleted, false) as is_deleted,
        deleted_at

    from file_activities

),

activities as (

    select * from hubspot_calls
    union all
    select * from hubspot_emails
    union all
    select * from hubspot_meetings
    union all
    select * from file_rows

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

)

select
    {{ record_key('activities.activity_id', 'activities.source_name') }} as activity_id,
    activities.activity_id as source_record_id,
    activities.source_name,
    activities.source_account,
    activities.legal_entity,
    activities.activity_type,
    activities.is_call,
    activities.is_meeting,
    activities.occurred_at,
    activities.owner_id as source_owner_id,
    identities.user_id as rep_id,
    activities.direction,
    activities.outcome,
    activities.is_completed,
    cast(activities.duration_seconds as decimal(38, 6)) as duration_seconds,
    {{ record_key('activities.lead_id', 'activities.source_name') }} as lead_id,
    {{ record_key('activities.account_id', 'activities.source_name') }} as account_id,
    {{ record_key('activities.opportunity_id', 'activities.source_name') }} as opportunity_id,
    activities.is_deleted
    and coalesce(activities.deleted_at < {{ as_of_end() }}, true) as is_deleted,
    activities.deleted_at

from activities
{{ anti_join_test_records('activities', 'activities', 'activity_id') }}
left join identities
    on
        activities.source_name = identities.source_name
        and activities.owner_id = identities.source_user_id
where coalesce(activities.occurred_at < {{ as_of_end() }}, true)
