with

subscriptions as (

    select * from {{ ref('int_subscriptions_unioned') }}
    where started_at < trial_ends_at

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts_linked') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

trials as (

    select
        coalesce(customer_accounts.account_id, subscriptions.customer_id) as trier_id,
        customer_accounts.account_id,
        subscriptions.started_at,
        subscriptions.trial_ends_at,
        subscriptions.legal_entity

    from subscriptions
    left join customer_accounts
        on subscriptions.customer_id = customer_accounts.customer_id

),

-- One trial per account: who tries again is not another prospect.
first_trials as (

    select *
    from trials
    where trier_id is not null
    qualify row_number() over (
        partition by trier_id
        order by started_at, legal_entity
    ) = 1

)

select
    first_trials.trier_id,
    first_trials.account_id,
    {{ report_date('first_trials.started_at') }} as started_date,
    {{ report_date('first_trials.trial_ends_at') }} as ends_date,
    coalesce(accounts.segment, '(unknown)') as segment,
    first_trials.legal_entity,
    '{{ var("build_id") }}' as build_id

from first_trials
left join accounts
    on first_trials.account_id = accounts.account_id
