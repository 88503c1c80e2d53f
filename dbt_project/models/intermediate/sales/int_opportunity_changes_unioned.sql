with

property_history as (

    select * from {{ ref('stg_hubspot__deal_property_history') }}

),

file_changes as (

    select * from {{ ref('stg_files__opportunity_changes') }}

),

stages as (

    select * from {{ ref('int_stages_mapped') }}

),

hubspot_changes as (

    select
        source_name,
        opportunity_id,
        changed_at,
        field,
        cast(null as varchar) as old_value,
        nullif(new_value, '') as new_value,
        changed_by_id

    from property_history
    where field in ('stage', 'amount', 'expected_close_date', 'owner_id')

),

-- Entering a stage of the CRM is entering its status; a stage since deleted was an open one,
-- because closed deals must be moved before their stage can be.
hubspot_status_changes as (

    select
        hubspot_changes.source_name,
        hubspot_changes.opportunity_id,
        hubspot_changes.changed_at,
        'status' as field,
        cast(null as varchar) as old_value,
        coalesce(stages.status, 'open') as new_value,
        hubspot_changes.changed_by_id

    from hubspot_changes
    left join stages
        on
            hubspot_changes.source_name = stages.source_name
            and hubspot_changes.new_value = stages.stage
    where hubspot_changes.field = 'stage'

),

changes as (

    select * from hubspot_changes
    union all
    select * from hubspot_status_changes
    union all
    select
        source_name,
        opportunity_id,
        changed_at,
        field,
        nullif(old_value, '') as old_value,
        nullif(new_value, '') as new_value,
        changed_by_id

    from file_changes

)

select
    {{ record_key('opportunity_id') }} as opportunity_id,
    source_name,
    changed_at,
    field,
    old_value,
    new_value,
    changed_by_id as source_changer_id

from changes
where changed_at < {{ as_of_end() }}
