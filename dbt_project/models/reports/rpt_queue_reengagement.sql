with

reengagements as (

    select * from {{ ref('fct_reengagements') }}
    where
        is_to_be_called
        and {{ as_of_date() }} between due_from_date
        and least(overdue_to_date, lost_until_date)
        and settled_date > {{ as_of_date() }}

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

closes as (

    select * from {{ ref('fct_opportunity_closes') }}

),

users as (

    select * from {{ ref('dim_users') }}

),

buyers_in_talks as (

    select distinct buyer_id
    from opportunities
    where status = 'open' and is_sales_pipeline

)

select
    reengagements.opportunity_id,
    reengagements.lost_date,
    reengagements.due_from_date,
    reengagements.due_to_date,
    {{ as_of_date() }} > reengagements.due_to_date as is_overdue,
    closes.win_loss_reason,
    opportunities.amount,
    opportunities.currency,
    opportunities.product_id,
    opportunities.segment,
    opportunities.account_id,
    opportunities.lead_id,
    opportunities.rep_id,
    users.user_name as rep_name,
    opportunities.legal_entity,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from reengagements
anti join buyers_in_talks
    on reengagements.buyer_id = buyers_in_talks.buyer_id
inner join opportunities
    on reengagements.opportunity_id = opportunities.opportunity_id
left join closes
    on reengagements.opportunity_id = closes.opportunity_id
left join users
    on opportunities.rep_id = users.user_id
