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

field_origins as (

    select
        opportunity_id,
        field,
        arg_min(coalesce(old_value, ''), changed_at) as first_value

    from changes
    group by 1, 2

),

-- Fields a source logs at all: there, a deal without an entry never changed.
logged_fields as (

    select distinct
        source_name,
        field

    from changes
    where is_logged

),

-- What stands in the record now, as text, one row per field.
current_fields as (

    select
        opportunity_id,
        unnest([
            { 'field': 'stage', 'value': stage },
            { 'field': 'status', 'value': status },
            { 'field': 'amount', 'value': cast(amount as varchar) },
            { 'field': 'expected_close_date', 'value': cast(expected_close_date as varchar) },
            { 'field': 'owner_id', 'value': source_owner_id },
            { 'field': 'next_step_at', 'value': cast(next_step_at as varchar) }
        ]) as current_field

    from opportunities

),

current_values as (

    select
        current_fields.opportunity_id,
        current_fields.current_field.field as field,
        current_fields.current_field.value as value

    from current_fields

),

fields_judged as (

    select
        current_values.opportunity_id,
        current_values.field,
        opportunities.known_from,
        opportunities.observed_from,
        opportunities.closed_at,
        opportunities.is_change_logged or logged_fields.field is not null as is_logged,
        field_origins.field is not null as has_changes,
        opportunities.status in ('won', 'lost') as is_closed_now,
        current_values.value as value_now,
        -- The oldest value anyone knows: before the first change, or the only one.
        case
            when field_origins.field is not null then nullif(field_origins.first_value, '')
            else current_values.value
        end as first_value

    from current_values
    inner join opportunities
        on current_values.opportunity_id = opportunities.opportunity_id
    left join field_origins
        on
            current_values.opportunity_id = field_origins.opportunity_id
            and current_values.field = field_origins.field
    left join logged_fields
        on
            opportunities.source_name = logged_fields.source_name
            and current_values.field = logged_fields.field

),

-- Where the source keeps a log, its oldest value holds from the start. Where it does not,
-- today's stage, amount and expected close are not projected backwards; the owner is,
-- because such a deal has no other, and the status follows from the close.
starting_values as (

    select
        opportunity_id,
        known_from as changed_at,
        field,
        case
            when has_changes and is_logged then first_value
            when field = 'owner_id' then first_value
            when field = 'stage' and is_closed_now then null
            when field <> 'status' and is_logged then value_now
            when field <> 'status' then null
            when not is_closed_now then value_now
            -- Closed on a day nobody recorded: neither open nor closed at any known time.
            when closed_at is not null then 'open'
        end as value,
        0 as change_order

    from fields_judged
    union all
    select
        opportunity_id,
        observed_from as changed_at,
        field,
        first_value as value,
        1 as change_order

    from fields_judged
    where
        not is_logged
        and field in ('stage', 'amount', 'expected_close_date', 'next_step_at')
        -- The stage a deal closed from is not the one it closed in.
        and not (
            field = 'stage'
            and not has_changes
            and is_closed_now
            and coalesce(closed_at > observed_from, false)
        )

),

closing_values as (

    select
        opportunity_id,
        greatest(closed_at, known_from) as changed_at,
        field,
        value_now as value,
        2 as change_order

    from fields_judged
    where
        field in ('stage', 'status')
        and not has_changes
        and is_closed_now
        and closed_at < {{ as_of_end() }}

),

-- Whether the amount and the next step are known at all, kept as more fields: unknown is not
-- blank.
knowledge_values as (

    select
        opportunity_id,
        known_from as changed_at,
        field || '_known' as field,
        cast(is_logged or observed_from <= known_from as varchar) as value,
        0 as change_order

    from fields_judged
    where field in ('amount', 'next_step_at')
    union all
    select
        opportunity_id,
        observed_from as changed_at,
        field || '_known' as field,
        'true' as value,
        1 as change_order

    from fields_judged
    where field in ('amount', 'next_step_at') and not is_logged

),

changed_values as (

    select
        changes.opportunity_id,
        -- Values imported with dates before the record existed belong to its first state.
        greatest(changes.changed_at, opportunities.known_from) as changed_at,
        changes.field,
        changes.new_value as value,
        2 + row_number() over (
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
    select * from knowledge_values
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
        max(coalesce(value, '')) filter (where field = 'owner_id') as owner_id,
        max(coalesce(value, '')) filter (where field = 'next_step_at') as next_step_at,
        max(value) filter (where field = 'amount_known') as amount_known,
        max(value) filter (where field = 'next_step_at_known') as next_step_known

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
        nullif(last_value(owner_id ignore nulls) over so_far, '') as source_owner_id,
        nullif(last_value(next_step_at ignore nulls) over so_far, '') as next_step_at,
        last_value(amount_known ignore nulls) over so_far as amount_known,
        last_value(next_step_known ignore nulls) over so_far as next_step_known

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
    cast(states_ended.amount_known as boolean) as is_amount_known,
    coalesce(
        {{ report_date('try_cast(states_ended.expected_close as timestamptz)') }},
        try_cast(states_ended.expected_close as date)
    ) as expected_close_date,
    try_cast(states_ended.next_step_at as timestamptz) as next_step_at,
    cast(states_ended.next_step_known as boolean) as is_next_step_known,
    states_ended.source_owner_id,
    identities.user_id as rep_id,
    states_ended.next_from is null and not states_ended.is_deleted as is_current

from states_ended
left join identities
    on
        states_ended.source_name = identities.source_name
        and states_ended.source_owner_id = identities.source_user_id
