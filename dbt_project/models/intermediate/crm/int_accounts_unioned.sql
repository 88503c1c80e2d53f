with

companies as (

    select * from {{ ref('stg_hubspot__companies') }}

),

file_accounts as (

    select * from {{ ref('stg_files__accounts') }}

),

accounts as (

    select
        source_name,
        source_account,
        legal_entity,
        account_id,
        account_name,
        industry,
        segment,
        country,
        employee_count,
        annual_revenue as annual_revenue_amount,
        currency,
        parent_account_id,
        owner_id,
        created_at,
        updated_at,
        is_deleted,
        deleted_at

    from companies
    union all
    select
        source_name,
        source_account,
        legal_entity,
        account_id,
        account_name,
        industry,
        segment,
        country,
        employee_count,
        annual_revenue as annual_revenue_amount,
        currency,
        parent_account_id,
        owner_id,
        created_at,
        updated_at,
        coalesce(is_deleted, false) as is_deleted,
        deleted_at

    from file_accounts

),

merged_records as (

    select * from {{ ref('int_record_merges_resolved') }}
    where object_type = 'account'

)

select
    {{ record_key('accounts.account_id', 'accounts.source_name') }} as account_id,
    {{ record_key(
        'coalesce(merged_records.survivor_id, accounts.account_id)', 'accounts.source_name'
    ) }} as surviving_account_id,
    accounts.account_id as source_record_id,
    accounts.source_name,
    accounts.source_account,
    accounts.legal_entity,
    nullif(trim(accounts.account_name), '') as account_name,
    nullif(trim(accounts.industry), '') as industry,
    nullif(trim(accounts.segment), '') as segment,
    nullif(trim(accounts.country), '') as country,
    accounts.employee_count,
    accounts.annual_revenue_amount,
    accounts.currency,
    {{ record_key('accounts.parent_account_id', 'accounts.source_name') }} as parent_account_id,
    accounts.owner_id as source_owner_id,
    accounts.created_at,
    accounts.updated_at,
    accounts.is_deleted and coalesce(accounts.deleted_at < {{ as_of_end() }}, true) as is_deleted,
    accounts.deleted_at

from accounts
{{ anti_join_test_records('accounts', 'accounts', 'account_id') }}
left join merged_records
    on
        accounts.source_name = merged_records.source_name
        and accounts.account_id = merged_records.loser_id
-- A record born after the as-of day is not known yet; one without a date is.
where coalesce(accounts.created_at < {{ as_of_end() }}, true)
