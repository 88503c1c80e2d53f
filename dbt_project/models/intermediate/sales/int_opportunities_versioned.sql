with

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away

),

changes as (

    select * from {{ ref('int_opportunity_changes_unioned') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

),

field_starts as (

    select
        opportunity_id,
        field,
        arg_min(coalesce(old_value, ''), changed_at) as first_old_value

    from changes
    group by 1, 2

),

-- What stands in the record now, as text, one row per field.
current_values as (

    select opportunity_id, known_from, 'stage' as field, stage as value
    from opportunities
    union all
    select opportunity_id, known_from, 'amount' as field, cast(amount as varchar) as value
    from opportunities
    union all
    select
        opportunity_id,
        known_from,
        'expected_close_date' as field,
        cast(expected_close_date as varchar) as value

    from opportunities
    union all
    select opportunity_id, known_from, 'owner_id' as field, source_owner_id as value
    from opportunities
    union all
    select opportunity_id, known_from, 'status' as field, status as value
    from opportunities

),

-- A field with a history starts from its oldest known value. One without keeps the record's
-- value, except that a closed deal was open, in a stage nobody recorded, until it closed.
starting_values as (

    select
        current_values.opportunity_id,
        current_values.known_from as changed_at,
        current_values.field,
        case
            when field_starts.field is not null then nullif(field_starts.first_old_value, '')
            when current_values.field not in ('stage', 'status') then current_values.value
            when opportunities.status = 'open' then current_values.value
            -- Closed on a day nobody recorded: neither open nor closed at any known time.
            when opportunities.closed_at is null and current_values.field = 'status' then null
            when opportunities.closed_at is null then current_values.value
            when current_values.field = 'status' then 'open'
        end as value,
        0 as change_order

    from current_values
    inner join opportunities
        on current_values.opportunity_id = opportunities.opportunity_id
    left join field_starts
        on
            current_values.opportunity_id = field_starts.opportunity_id
            and current_values.field = field_starts.field

),

closing_values as (

    select
        current_values.opportunity_id,
        greatest(opportunities.closed_at, opportunities.known_from) as changed_at,
        current_values.field,
        current_values.value,
        1 as change_order

    from current_values
    inner join opportunities
        on current_values.opportunity_id = opportunities.opportunity_id
    anti join field_starts
        on
            current_values.opportunity_id = field_starts.opportunity_id
            and current_values.field = field_starts.field
    where
        current_values.field in ('stage', 'status')
        and opportunities.closed_at < {{ as_of_end() }}

),

changed_values as (

    select
        changes.opportunity_id,
        -- Values imported with dates before the record existed belong to its first state.
        greatest(changes.changed_at, opportunities.known_from) as changed_at,
        changes.field,
        changes.new_value as value,
        1 + row_number() over (
            partition by changes.opportunity_id, changes.field
            order by changes.changed_at, changes.new_value
        ) as change_order

    from changes
    inner join opportunities
        on changes.opportunity_id = opportunities.opportunity_id

),

all_values as (

    select * from starting_values
    union all
    select * from closing_values
    union all
    select * from changed_values

),

-- The last value a field took at an instant is the one it keeps.
values_settled as (

    select *
    from all_values
    qualify row_number() over (
        partition by opportunity_id, changed_at, field
        order by change_order desc
    ) = 1

),

-- '' marks "cleared" so that filling forward does not mistake it for "unchanged".
instants_pivoted as (

    select
        opportunity_id,
        changed_at as valid_from,
        max(coalesce(value, '')) filter (where field = 'stage') as stage,
        max(coalesce(value, '')) filter (where field = 'status') as status,
        max(coalesce(value, '')) filter (where field = 'amount') as amount,
        max(coalesce(value, '')) filter (where field = 'expected_close_date')
            as expected_close_date,
        max(coalesce(value, '')) filter (where field = 'owner_id') as owner_id

    from values_settled
    group by 1, 2

),

states_filled as (

    select
        opportunity_id,
        valid_from,
        lead(valid_from) over by_time as next_from,
        nullif(last_value(stage ignore nulls) over so_far, '') as stage,
        nullif(last_value(status ignore nulls) over so_far, '') as status,
        nullif(last_value(amount ignore nulls) over so_far, '') as amount,
        nullif(last_value(expected_close_date ignore nulls) over so_far, '')
            as expected_close,
        nullif(last_value(owner_id ignore nulls) over so_far, '') as source_owner_id

    from instants_pivoted
    window
        by_time as (partition by opportunity_id order by valid_from),
        so_far as (
            partition by opportunity_id
            order by valid_from
            rows between unbounded preceding and current row
        )

),

states_ended as (

    select
        states_filled.*,
        opportunities.source_name,
        -- A deleted deal leaves at its deletion; earlier snapshots keep it.
        case
            when opportunities.is_deleted
                then least(states_filled.next_from, opportunities.deleted_at)
            else states_filled.next_from
        end as valid_to,
        opportunities.is_deleted,
        opportunities.deleted_at

    from states_filled
    inner join opportunities
        on states_filled.opportunity_id = opportunities.opportunity_id
    where
        not opportunities.is_deleted
        or states_filled.valid_from < opportunities.deleted_at

)

select
    states_ended.opportunity_id,
    states_ended.valid_from,
    states_ended.valid_to,
    {{ report_date('states_ended.valid_from') }} as valid_from_date,
    states_ended.stage,
    states_ended.status,
    cast(states_ended.amount as decimal(38, 4)) as amount,
    coalesce(
        {{ report_date('try_cast(states_ended.expected_close as timestamptz)') }},
        try_cast(states_ended.expected_close as date)
    ) as expected_close_date,
    states_ended.source_owner_id,
    identities.user_id as rep_id,
    states_ended.next_from is null and not states_ended.is_deleted as is_current

from states_ended
left join identities
    on
        states_ended.source_name = identities.source_name
        and states_ended.source_owner_id = identities.source_user_id
