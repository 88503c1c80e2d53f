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

stages as (

    select * from {{ ref('int_stages_mapped') }}

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
        {{ report_date('next_step_at') }} as next_step_date,
        is_next_step_known,
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
        states_dated.next_step_date,
        states_dated.is_next_step_known,
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

),

-- How long a deal had been closed before it was open again, so that the clock of its age
-- stands still meanwhile.
states_aged as (

    select
        *,
        coalesce(
            sum(last_date - first_date + 1) filter (where status in ('won', 'lost')) over (
                partition by opportunity_id
                order by first_date
                rows between unbounded preceding and 1 preceding
            ),
            0
        )::bigint as closed_days

    from states_credited

)

select
    states_aged.opportunity_id
    || ':' || strftime(states_aged.first_date, '%Y-%m-%d') as opportunity_state_id,
    states_aged.opportunity_id,
    states_aged.first_date,
    states_aged.last_date,
    states_aged.status,
    coalesce(states_aged.stage, '(unknown)') as stage,
    states_aged.amount,
    states_aged.is_amount_known,
    opportunities.currency,
    states_aged.expected_close_date,
    states_aged.next_step_date,
    states_aged.is_next_step_known,
    {{ report_date('opportunities.created_at') }} as created_date,
    states_aged.closed_days,
    -- A deal's own probability has no history: it speaks for the state that still holds.
    coalesce(
        {{ 'null' if policy('weighted_pipeline_probability') == 'deal'
            else 'stages.probability' }},
        case
            when states_aged.last_date = date '9999-12-31' then opportunities.probability
        end,
        stages.probability
    )::decimal(18, 6) as probability,
    opportunities.is_sales_pipeline,
    opportunities.legal_entity,
    coalesce(states_aged.rep_id, '(unknown)') as rep_id,
    coalesce(states_aged.team_id, '(unknown)') as team_id,
    coalesce(states_aged.department_id, '(unknown)') as department_id,
    descriptions.lead_source_group,
    descriptions.campaign_id,
    descriptions.platform,
    descriptions.channel,
    descriptions.product_id,
    descriptions.segment,
    descriptions.customer_type,
    '{{ var("build_id") }}' as build_id

from states_aged
inner join opportunities
    on states_aged.opportunity_id = opportunities.opportunity_id
inner join descriptions
    on states_aged.opportunity_id = descriptions.opportunity_id
left join stages
    on
        opportunities.source_name = stages.source_name
        and states_aged.stage = stages.stage
where states_aged.status is not null
