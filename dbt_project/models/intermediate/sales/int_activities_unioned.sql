with

calls as (

    select * from {{ ref('stg_hubspot__calls') }}

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

hubspot_calls as (

    select
        calls.source_name,
        calls.source_account,
        calls.legal_entity,
        calls.activity_id,
        calls.activity_type,
        true as is_call,
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

file_rows as (

    select
        source_name,
        source_account,
        legal_entity,
        activity_id,
        activity_type,
        activity_type = 'call' as is_call,
        occurred_at,
        owner_id,
        direction,
        outcome,
        -- A file that names no status lists what happened.
        coalesce(status, 'completed') = 'completed' as is_completed,
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
left join identities
    on
        activities.source_name = identities.source_name
        and activities.owner_id = identities.source_user_id
where coalesce(activities.occurred_at < {{ as_of_end() }}, true)
