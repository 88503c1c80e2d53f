with

versions as (

    select * from {{ ref('int_opportunities_versioned') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

descriptions as (

    select * from {{ ref('int_opportunities_described') }}

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

-- In days: a state holds for a day when it is in force as the company's day ends, so one
-- that began and ended inside a day holds for none.
states_dated as (

    select
        opportunity_id,
        valid_from_date as first_date,
        coalesce({{ report_date('valid_to') }} - 1, date '9999-12-31') as last_date,
        stage,
        status,
        amount,
        is_amount_known,
        expected_close_date,
        rep_id

    from versions

),

-- A rep who changes team takes the open deals along from that day: states are cut there.
states_credited as (

    select
        states_dated.opportunity_id,
        greatest(states_dated.first_date, users.credited_from) as first_date,
        least(states_dated.last_date, users.credited_to) as last_date,
        states_dated.stage,
        states_dated.status,
        states_dated.amount,
        states_dated.is_amount_known,
        states_dated.expected_close_date,
        states_dated.rep_id,
        users.team_id,
        users.department_id

    from states_dated
    left join users
        on
            states_dated.rep_id = users.user_id
            and states_dated.first_date <= users.credited_to
            and states_dated.last_date >= users.credited_from
    where states_dated.first_date <= states_dated.last_date

)

select
    states_credited.opportunity_id
    || ':' || strftime(states_credited.first_date, '%Y-%m-%d') as opportunity_state_id,
    states_credited.opportunity_id,
    states_credited.first_date,
    states_credited.last_date,
    states_credited.status,
    coalesce(states_credited.stage, '(unknown)') as stage,
    states_credited.amount,
    states_credited.is_amount_known,
    opportunities.currency,
    states_credited.expected_close_date,
    opportunities.is_sales_pipeline,
    opportunities.legal_entity,
    coalesce(states_credited.rep_id, '(unknown)') as rep_id,
    coalesce(states_credited.team_id, '(unknown)') as team_id,
    coalesce(states_credited.department_id, '(unknown)') as department_id,
    descriptions.lead_source_group,
    descriptions.campaign_id,
    descriptions.platform,
    descriptions.channel,
    descriptions.product_id,
    descriptions.segment,
    descriptions.customer_type,
    '{{ var("build_id") }}' as build_id

from states_credited
inner join opportunities
    on states_credited.opportunity_id = opportunities.opportunity_id
inner join descriptions
    on states_credited.opportunity_id = descriptions.opportunity_id
where states_credited.status is not null
