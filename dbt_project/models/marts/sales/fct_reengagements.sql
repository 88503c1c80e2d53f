with

sales_states as (

    select * from {{ ref('fct_opportunity_states') }}
    where is_sales_pipeline

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

refusals_to_be_called as (

    select * from {{ ref('int_consents_withdrawn') }}

),

closes as (

    select * from {{ ref('fct_opportunity_closes') }}
    where is_sales_pipeline

),

activities as (

    select * from {{ ref('fct_activities') }}
    where is_completed and direction <> 'inbound'

),

states_compared as (

    select
        *,
        status = 'lost'
        and coalesce(
            lag(status) over (
                partition by opportunity_id
                order by first_date
            ) <> 'lost',
            true
        ) as is_loss

    from sales_states

),

states_numbered as (

    select
        *,
        count(*) filter (where is_loss) over (
            partition by opportunity_id
            order by first_date
        ) as loss_number

    from states_compared

),

-- A deal reopened and lost again was lost twice.
losses as (

    select
        opportunity_id,
        min(first_date) as lost_date,
        max(last_date) as lost_until_date,
        arg_min(rep_id, first_date) as rep_id,
        arg_min(team_id, first_date) as team_id,
        arg_min(department_id, first_date) as department_id

    from states_numbered
    where status = 'lost'
    group by opportunity_id, loss_number

),

-- Calendar months: lost on 31 August, the window is open from 30 November to the end of
-- February.
losses_windowed as (

    select
        losses.*,
        opportunities.buyer_id,
        opportunities.segment,
        opportunities.legal_entity,
        refusals_to_be_called.opted_out_date,
        (losses.lost_date + interval 3 month)::date as due_from_date,
        (losses.lost_date + interval 6 month)::date as due_to_date,
        (losses.lost_date + interval 12 month)::date as overdue_to_date

    from losses
    inner join opportunities
        on losses.opportunity_id = opportunities.opportunity_id
    left join refusals_to_be_called
        on opportunities.lead_id = refusals_to_be_called.lead_id
    -- Nobody is known to call.
    where opportunities.buyer_id is not null

),

contact_days as (

    select distinct
        coalesce(account_id, 'lead:' || lead_id) as buyer_id,
        occurred_date as contact_date

    from activities
    where occurred_date is not null

),

contacts_found as (

    select
        losses_windowed.opportunity_id,
        losses_windowed.lost_date,
        min(contact_days.contact_date) as next_contact_date,
        min(contact_days.contact_date) filter (
            where
            contact_days.contact_date between losses_windowed.due_from_date
            and losses_windowed.due_to_date
        ) as recontact_date

    from losses_windowed
    inner join contact_days
        on
            losses_windowed.buyer_id = contact_days.buyer_id
            and losses_windowed.lost_date < contact_days.contact_date
    group by losses_windowed.opportunity_id, losses_windowed.lost_date

),

win_days as (

    select distinct
        opportunities.buyer_id,
        closes.closed_date

    from closes
    inner join opportunities
        on closes.opportunity_id = opportunities.opportunity_id
    where closes.is_won and opportunities.buyer_id is not null

),

wins_found as (

    select
        losses_windowed.opportunity_id,
        losses_windowed.lost_date,
        min(win_days.closed_date) as next_win_date,
        min(win_days.closed_date) filter (
            where
            win_days.closed_date >= contacts_found.recontact_date
            and win_days.closed_date
            <= (contacts_found.recontact_date + interval 12 month)::date
        ) as won_again_date

    from losses_windowed
    inner join win_days
        on
            losses_windowed.buyer_id = win_days.buyer_id
            and losses_windowed.lost_date < win_days.closed_date
    left join contacts_found
        on
            losses_windowed.opportunity_id = contacts_found.opportunity_id
            and losses_windowed.lost_date = contacts_found.lost_date
    group by losses_windowed.opportunity_id, losses_windowed.lost_date

),

-- The reason in the record is that of the loss that stands.
reasons_given as (

    select
        opportunity_id,
        closed_date,
        win_loss_reason

    from closes
    where not is_won

)

select
    losses_windowed.opportunity_id
    || ':' || strftime(losses_windowed.lost_date, '%Y-%m-%d') as reengagement_id,
    losses_windowed.opportunity_id,
    losses_windowed.buyer_id,
    losses_windowed.lost_date,
    losses_windowed.lost_until_date,
    losses_windowed.due_from_date,
    losses_windowed.due_to_date,
    losses_windowed.overdue_to_date,
    contacts_found.next_contact_date,
    contacts_found.recontact_date,
    wins_found.next_win_date,
    wins_found.won_again_date,
    -- From this day on there is nothing left to do.
    least(
        coalesce(contacts_found.next_contact_date, date '9999-12-31'),
        coalesce(wins_found.next_win_date, date '9999-12-31'),
        coalesce(losses_windowed.opted_out_date, date '9999-12-31')
    ) as settled_date,
    losses_windowed.opted_out_date,
    coalesce(reasons_given.win_loss_reason <> 'do_not_contact', true)
    and coalesce(losses_windowed.opted_out_date > losses_windowed.due_from_date, true)
    and losses_windowed.lost_until_date >= losses_windowed.due_from_date
    and coalesce(wins_found.next_win_date >= losses_windowed.due_from_date, true)
        as is_to_be_called,
    coalesce(reasons_given.win_loss_reason, '(unknown)') as win_loss_reason,
    losses_windowed.rep_id,
    losses_windowed.team_id,
    losses_windowed.department_id,
    losses_windowed.segment,
    losses_windowed.legal_entity,
    '{{ var("build_id") }}' as build_id

from losses_windowed
left join contacts_found
    on
        losses_windowed.opportunity_id = contacts_found.opportunity_id
        and losses_windowed.lost_date = contacts_found.lost_date
left join wins_found
    on
        losses_windowed.opportunity_id = wins_found.opportunity_id
        and losses_windowed.lost_date = wins_found.lost_date
left join reasons_given
    on
        losses_windowed.opportunity_id = reasons_given.opportunity_id
        and losses_windowed.lost_until_date >= reasons_given.closed_date
        and losses_windowed.lost_date <= reasons_given.closed_date
