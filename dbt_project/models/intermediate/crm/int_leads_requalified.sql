with

property_history as (

    select * from {{ ref('stg_hubspot__contact_property_history') }}

),

file_changes as (

    select * from {{ ref('stg_files__lead_changes') }}

),

leads as (

    select * from {{ ref('int_leads_unioned') }}
    where not is_merged_away and not is_deleted

),

identified as (

    select * from {{ ref('int_leads_identified') }}

),

persons as (

    select * from {{ ref('int_leads_resolved') }}

),

stage_map as (

    select * from {{ ref('lifecycle_stage_map') }}

),

qualification as (

    select min(stage_order) as stage_order
    from stage_map
    where lifecycle_stage = 'marketing_qualified'

),

-- What a file says was before a change may be all it tells of a change it lacks: it counts as
-- known from then, but not as having happened then.
changes as (

    select
        {{ record_key('lead_id') }} as lead_id,
        changed_at,
        new_value as stage,
        true as is_change

    from property_history
    where field = 'lifecycle_stage'
    union all
    select
        {{ record_key('lead_id') }} as lead_id,
        changed_at,
        new_value as stage,
        true as is_change

    from file_changes
    where field = 'lifecycle_stage'
    union all
    select
        {{ record_key('lead_id') }} as lead_id,
        changed_at,
        old_value as stage,
        false as is_change

    from file_changes
    where field = 'lifecycle_stage'

),

-- Stages above the qualification are no falling back, and no meeting it again either.
changes_placed as (

    select
        changes.lead_id,
        changes.changed_at,
        changes.is_change,
        stage_map.lifecycle_stage = 'marketing_qualified' as is_qualified

    from changes
    inner join stage_map
        on lower(trim(changes.stage)) = stage_map.stage
    inner join qualification
        on stage_map.stage_order <= qualification.stage_order
    where changes.changed_at < {{ as_of_end() }}

),

changes_compared as (

    select
        *,
        lag(is_qualified) over by_time as was_qualified,
        coalesce(
            bool_or(is_qualified) over (
                partition by lead_id
                order by changed_at, is_change
                rows between unbounded preceding and 1 preceding
            ),
            false
        ) as had_qualified

    from changes_placed
    window by_time as (
        partition by lead_id
        order by changed_at, is_change
    )

),

-- A record's first time is none, nor that of a second record of the same person; records of a
-- person that came back on one day are one return.
returns as (

    select
        identified.person_key,
        min(changes_compared.changed_at) as requalified_at

    from changes_compared
    inner join leads
        on changes_compared.lead_id = leads.lead_id
    inner join identified
        on leads.lead_id = identified.lead_id
    where
        changes_compared.is_change
        and changes_compared.is_qualified
        and not changes_compared.was_qualified
        and changes_compared.had_qualified
    group by identified.person_key, {{ report_date('changes_compared.changed_at') }}

)

select
    persons.lead_id,
    returns.requalified_at

from returns
inner join persons
    on returns.person_key = persons.person_key
