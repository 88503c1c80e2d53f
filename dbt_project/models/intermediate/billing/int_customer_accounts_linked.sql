with

customers as (

    select * from {{ ref('int_customers_unioned') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

-- Billing names the CRM's own id, not its source. The same source wins (a file with both),
-- then the one CRM record that carries the id; an id that several CRMs carry is no link.
candidates as (

    select
        customers.customer_id,
        accounts.surviving_account_id as account_id,
        case
            when accounts.source_name = customers.source_name then 1
            when accounts.legal_entity = customers.legal_entity then 2
            else 3
        end as match_order

    from customers
    inner join accounts
        on customers.source_account_id = accounts.source_record_id

),

best_candidates as (

    select *
    from candidates
    qualify match_order = min(match_order) over (partition by customer_id)

)

select
    customer_id,
    min(account_id) as account_id

from best_candidates
group by 1
having count(distinct account_id) = 1
