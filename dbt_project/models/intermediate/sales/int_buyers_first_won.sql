with

closes as (

    select * from {{ ref('int_opportunities_closed') }}
    where status = 'won'

),

buyers as (

    select * from {{ ref('int_opportunity_buyers_identified') }}
    where buyer_id is not null

)

select
    buyers.buyer_id,
    min(closes.closed_at) as first_won_at

from closes
inner join buyers
    on closes.opportunity_id = buyers.opportunity_id
group by 1
