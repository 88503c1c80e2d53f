with

property_history as (

    select * from {{ ref('stg_hubspot__deal_property_history') }}

),

file_changes as (

    select * from {{ ref('stg_files__opportunity_changes') }}

),

file_versions as (

    select * from {{ ref('stg_files__opportunities') }}

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
        changed_by_id,
        true as is_logged

    from property_history
    where field in ('stage', 'amount', 'expected_close_date', 'owner_id', 'next_step_at')

),

-- The night reads two hours after the day ended: a field first set in between was blank as
-- the day ended, though the record already shows its value.
hubspot_blanks as (

    select
        source_name,
        opportunity_id,
        timestamptz '0001-01-01 00:00:00+00' as changed_at,
        field,
        cast(null as varchar) as old_value,
        cast(null as varchar) as new_value,
        cast(null as varchar) as changed_by_id,
        true as is_logged

    from hubspot_changes
    group by 1, 2, 4
    having min(changed_at) >= {{ as_of_end() }}

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
        hubspot_changes.changed_by_id,
        true as is_logged

    from hubspot_changes
    left join stages
        on
            hubspot_changes.source_name = stages.source_name
            and hubspot_changes.new_value = stages.stage
    where hubspot_changes.field = 'stage'

),

-- A file without a change log still tells what changed from one load to the next. A load
-- shows the end of the day before it, so that is when a new value is first known.
file_loads as (

    select
        source_name,
        opportunity_id,
        _load_date,
        {{ end_of_day('_load_date - 2') }} as observed_at,
        unnest([
            { 'field': 'stage', 'value': stage },
            { 'field': 'amount', 'value': cast(amount as varchar) },
            { 'field': 'expected_close_date', 'value': cast(expected_close_date as varchar) },
            { 'field': 'owner_id', 'value': owner_id },
            { 'field': 'next_step_at', 'value': cast(next_step_at as varchar) }
        ]) as loaded_field

    from file_versions
    -- One state per load, also where two files of a night name the record; a file that
    -- arrives late with an older version tells no change.
    qualify
        row_number() over (
            partition by source_name, opportunity_id, _load_date
            order by updated_at desc nulls last, _row_hash desc
        ) = 1
        and coalesce(
            updated_at >= max(updated_at) over (
                partition by source_name, opportunity_id
                order by _load_date
            ),
            true
        )

),

file_states as (

    select
        file_loads.source_name,
        file_loads.opportunity_id,
        file_loads._load_date,
        file_loads.observed_at,
        file_loads.loaded_field.field as field,
        file_loads.loaded_field.value as value

    from file_loads

),

file_states_compared as (

    select
        *,
        lag(value) over by_load as previous_value,
        row_number() over by_load as load_number

    from file_states
    window by_load as (
        partition by source_name, opportunity_id, field
        order by _load_date
    )

),

file_observations as (

    select
        file_states_compared.source_name,
        file_states_compared.opportunity_id,
        file_states_compared.observed_at as changed_at,
        file_states_compared.field,
        file_states_compared.previous_value as old_value,
        file_states_compared.value as new_value,
        cast(null as varchar) as changed_by_id,
        false as is_logged

    from file_states_compared
    anti join file_changes
        on
            file_states_compared.source_name = file_changes.source_name
            and file_states_compared.opportunity_id = file_changes.opportunity_id
            and file_states_compared.field = file_changes.field
    where
        file_states_compared.load_number > 1
        and file_states_compared.value is distinct from file_states_compared.previous_value

),

changes as (

    select * from hubspot_changes
    union all
    select * from hubspot_blanks
    union all
    select * from hubspot_status_changes
    union all
    select * from file_observations
    union all
    select
        source_name,
        opportunity_id,
        changed_at,
        field,
        nullif(old_value, '') as old_value,
        nullif(new_value, '') as new_value,
        changed_by_id,
        true as is_logged

    from file_changes

)

select
    {{ record_key('opportunity_id') }} as opportunity_id,
    source_name,
    changed_at,
    field,
    old_value,
    new_value,
    changed_by_id as source_changer_id,
    is_logged

from changes
where changed_at < {{ as_of_end() }}
