with

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

)

select
    accounts.account_id,
    accounts.source_name,
    accounts.source_record_id,
    accounts.legal_entity,
    accounts.account_name,
    accounts.industry,
    coalesce(accounts.segment, '(unknown)') as segment,
    accounts.country,
    accounts.employee_count,
    accounts.annual_revenue_amount,
    accounts.currency,
    accounts.parent_account_id,
    coalesce(identities.user_id, '(unknown)') as owner_id,
    {{ report_date('accounts.created_at') }} as created_date,
    accounts.is_deleted

from accounts
left join identities
    on
        accounts.source_name = identities.source_name
        and accounts.source_owner_id = identities.source_user_id
-- A merged account lives on as its survivor.
where accounts.account_id = accounts.surviving_account_id
union all
select
    '(unknown)' as account_id,
    null as source_name,
    null as source_record_id,
    null as legal_entity,
    '(unknown)' as account_name,
    null as industry,
    '(unknown)' as segment,
    null as country,
    null as employee_count,
    null as annual_revenue_amount,
    null as currency,
    null as parent_account_id,
    '(unknown)' as owner_id,
    null as created_date,
    null as is_deleted
