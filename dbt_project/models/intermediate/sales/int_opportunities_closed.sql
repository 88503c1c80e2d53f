with

versions as (

    select * from {{ ref('int_opportunities_versioned') }}

),

status_entries as (

    select
        opportunity_id,
        valid_from,
        status,
        rep_id,
        lag(status) over (
            partition by opportunity_id
            order by valid_from
        ) as previous_status

    from versions

),

current_states as (

    select
        opportunity_id,
        status

    from versions
    where is_current and status in ('won', 'lost')

),

-- Every instant a deal entered won or lost; moving between two won stages is no new close.
close_events as (

    select
        status_entries.opportunity_id,
        status_entries.valid_from as closed_at,
        status_entries.status,
        status_entries.rep_id

    from status_entries
    inner join current_states
        on status_entries.opportunity_id = current_states.opportunity_id
    where
        status_entries.status in ('won', 'lost')
        and status_entries.previous_status is distinct from status_entries.status

)

select
    opportunity_id,
    closed_at,
    status,
    rep_id

from close_events
-- A deal open again counts nowhere; closed again it counts once, at the close policy names.
qualify row_number() over (
    partition by opportunity_id
    order by
        closed_at {{ 'asc' if policy('reopened_deal_close') == 'first' else 'desc' }}
) = 1
