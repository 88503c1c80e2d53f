with

property_history as (

    select * from {{ ref('stg_hubspot__contact_property_history') }}

),

file_changes as (

    select * from {{ ref('stg_files__lead_changes') }}

),

leads as (

    select * from {{ ref('int_leads_unioned') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

),

changes as (

    select
        source_name,
        lead_id,
        changed_at,
        nullif(new_value, '') as source_owner_id

    from property_history
    where field = 'owner'
    union all
    select
        source_name,
        lead_id,
        changed_at,
        nullif(new_value, '') as source_owner_id

    from file_changes
    where field = 'owner'

),

-- Whoever has no owner yet is whose first one it becomes: a form's lead is assigned minutes
-- after it was created.
changes_from_first_owner as (

    select
        {{ record_key('lead_id') }} as lead_id,
        changed_at,
        source_owner_id

    from changes
    where changed_at < {{ as_of_end() }}
    qualify
        bool_or(source_owner_id is not null) over (
            partition by source_name, lead_id
            order by changed_at
        )

),

changes_ordered as (

    select
        lead_id,
        changed_at,
        source_owner_id,
        lag(changed_at) over by_time as previous_changed_at,
        lead(changed_at) over by_time as next_changed_at

    from changes_from_first_owner
    window by_time as (
        partition by lead_id
        order by changed_at
    )

),

owners as (

    select
        leads.lead_id,
        leads.source_name,
        coalesce(
            case
                when changes_ordered.previous_changed_at is not null
                    then changes_ordered.changed_at
            end,
            timestamptz '0001-01-01 00:00:00+00'
        ) as valid_from,
        changes_ordered.next_changed_at as valid_to,
        -- Without a change log the owner is the recorded one throughout.
        case
            when changes_ordered.lead_id is null then leads.source_owner_id
            else changes_ordered.source_owner_id
        end as source_owner_id

    from leads
    left join changes_ordered
        on leads.lead_id = changes_ordered.lead_id

)

select
    owners.lead_id,
    owners.valid_from,
    owners.valid_to,
    identities.user_id as rep_id

from owners
left join identities
    on
        owners.source_name = identities.source_name
        and owners.source_owner_id = identities.source_user_id
