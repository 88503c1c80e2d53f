with

closes as (

    select * from {{ ref('int_opportunities_closed') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

versions as (

    select * from {{ ref('int_opportunities_versioned') }}
    where is_current

),

descriptions as (

    select * from {{ ref('int_opportunities_described') }}

),

buyers as (

    select * from {{ ref('int_opportunity_buyers_identified') }}

),

first_purchases as (

    select * from {{ ref('int_buyers_first_bought') }}

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

credited as (

    select
        closes.opportunity_id,
        closes.closed_at,
        {{ report_date('closes.closed_at') }} as closed_date,
        closes.status = 'won' as is_won,
        case '{{ policy("rep_credit") }}'
            when 'current_owner' then versions.rep_id
            else closes.rep_id
        end as rep_id,
        versions.stage,
        versions.amount

    from closes
    inner join versions
        on closes.opportunity_id = versions.opportunity_id

)

select
    credited.opportunity_id,
    credited.closed_at,
    credited.closed_date,
    credited.is_won,
    opportunities.account_id,
    {{ report_date('opportunities.created_at') }} as created_date,
    -- Days from creation to close; NULL when creation is unknown.
    credited.closed_date - {{ report_date('opportunities.created_at') }} as cycle_days,
    credited.amount,
    opportunities.currency,
    opportunities.term_months,
    opportunities.close_reason,
    coalesce(opportunities.deal_type, '(unknown)') as deal_type,
    opportunities.is_sales_pipeline,
    opportunities.legal_entity,
    coalesce(credited.rep_id, '(unknown)') as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    coalesce(credited.stage, '(unknown)') as stage,
    descriptions.lead_source_group,
    descriptions.campaign_id,
    descriptions.platform,
    descriptions.channel,
    descriptions.product_id,
    descriptions.segment,
    -- At the close, where the deal itself is no earlier purchase.
    {{ customer_type(
        'buyers.buyer_id', 'first_purchases.first_bought_at', 'credited.closed_at'
    ) }} as customer_type,
    opportunities.contact_method,
    '{{ var("build_id") }}' as build_id

from credited
inner join opportunities
    on credited.opportunity_id = opportunities.opportunity_id
inner join descriptions
    on credited.opportunity_id = descriptions.opportunity_id
inner join buyers
    on credited.opportunity_id = buyers.opportunity_id
left join first_purchases
    on buyers.buyer_id = first_purchases.buyer_id
left join users
    on
        credited.rep_id = users.user_id
        and credited.closed_date between users.credited_from and users.credited_to
