with

closes as (

    select * from {{ ref('int_opportunities_closed') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

all_versions as (

    select * from {{ ref('int_opportunities_versioned') }}

),

versions as (

    select * from all_versions
    where is_current

),

described_opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

descriptions as (

    select * from {{ ref('int_opportunities_described') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

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

-- What a deal was before this close. Expected dates count as long as it was open: at the close
-- many CRMs write the actual date over the last of them.
open_times as (

    select
        closes.opportunity_id,
        arg_max(all_versions.stage, all_versions.valid_from) as last_open_stage,
        case
            when count(distinct all_versions.expected_close_date) > 1
                then
                    arg_max(all_versions.expected_close_date, all_versions.valid_from)
                    - arg_min(all_versions.expected_close_date, all_versions.valid_from)
        end as slippage_days

    from closes
    inner join all_versions
        on
            closes.opportunity_id = all_versions.opportunity_id
            and closes.closed_at > all_versions.valid_from
    where all_versions.status = 'open'
    group by 1

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
    -- What is signed for twelve months at most; without a term all of it.
    case
        when opportunities.term_months > 12
            then
                cast(
                    {{ round_ratio(
                        'cast(credited.amount * 10000 as hugeint) * 12',
                        'opportunities.term_months * cast('
                        ~ '10000 * coalesce(currency_exponents.minor_unit_amount, 0.01)'
                        ~ ' as hugeint)',
                    ) }} * coalesce(currency_exponents.minor_unit_amount, 0.01)
                    as decimal(38, 4)
                )
        else credited.amount
    end as first_year_amount,
    opportunities.currency,
    opportunities.term_months,
    opportunities.close_reason,
    described_opportunities.win_loss_reason,
    open_times.slippage_days,
    coalesce(opportunities.deal_type, '(unknown)') as deal_type,
    opportunities.is_sales_pipeline,
    opportunities.legal_entity,
    coalesce(credited.rep_id, '(unknown)') as rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    described_opportunities.creator_id,
    coalesce(credited.stage, '(unknown)') as stage,
    coalesce(open_times.last_open_stage, '(unknown)') as last_open_stage,
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
    described_opportunities.sales_contact_method,
    '{{ var("build_id") }}' as build_id

from credited
inner join opportunities
    on credited.opportunity_id = opportunities.opportunity_id
inner join descriptions
    on credited.opportunity_id = descriptions.opportunity_id
inner join buyers
    on credited.opportunity_id = buyers.opportunity_id
inner join described_opportunities
    on credited.opportunity_id = described_opportunities.opportunity_id
left join currency_exponents
    on opportunities.currency = currency_exponents.currency
left join open_times
    on credited.opportunity_id = open_times.opportunity_id
left join first_purchases
    on buyers.buyer_id = first_purchases.buyer_id
left join users
    on
        credited.rep_id = users.user_id
        and credited.closed_date between users.credited_from and users.credited_to
