with

closes as (

    select * from {{ ref('int_opportunities_closed') }}
    where status = 'won'

),

opportunity_buyers as (

    select * from {{ ref('int_opportunity_buyers_identified') }}
    where buyer_id is not null

),

-- Stripe closes the invoice of a trial as paid with a total of 0: nobody bought anything.
-- A file need not name totals; what it calls paid was something.
paid_invoices as (

    select * from {{ ref('int_invoices_unioned') }}
    where status = 'paid' and coalesce(total_amount <> 0, true)

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts_linked') }}

),

purchases as (

    select
        opportunity_buyers.buyer_id,
        closes.closed_at as bought_at

    from closes
    inner join opportunity_buyers
        on closes.opportunity_id = opportunity_buyers.opportunity_id
    union all
    select
        customer_accounts.account_id as buyer_id,
        -- Paid on a day nobody recorded: bought when it was issued.
        coalesce(paid_invoices.paid_at, paid_invoices.finalized_at) as bought_at

    from paid_invoices
    inner join customer_accounts
        on paid_invoices.customer_id = customer_accounts.customer_id

)

select
    buyer_id,
    min(bought_at) as first_bought_at

from purchases
where bought_at is not null
group by 1
