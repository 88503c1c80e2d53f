with

opportunity_states as (

    select * from {{ ref('fct_opportunity_states') }}
    where
        is_sales_pipeline
        and status = 'open'
        and {{ as_of_date() }} between first_date and last_date

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

users as (

    select * from {{ ref('dim_users') }}

)

select
    opportunity_states.opportunity_id,
    opportunity_states.stage,
    opportunity_states.amount,
    opportunity_states.currency,
    opportunity_states.created_date,
    {{ as_of_date() }} - opportunity_states.created_date - opportunity_states.closed_days
        as days_open,
    opportunity_states.expected_close_date,
    coalesce(opportunity_states.expected_close_date < {{ as_of_date() }}, false)
        as is_overdue,
    opportunity_states.next_step_date as missed_step_date,
    opportunities.account_id,
    opportunities.lead_id,
    opportunity_states.rep_id,
    users.user_name as rep_name,
    opportunity_states.legal_entity,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from opportunity_states
inner join opportunities
    on opportunity_states.opportunity_id = opportunities.opportunity_id
left join users
    on opportunity_states.rep_id = users.user_id
where
    opportunity_states.is_next_step_known
    and coalesce(opportunity_states.next_step_date < {{ as_of_date() }}, true)
