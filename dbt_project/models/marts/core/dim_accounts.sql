with

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

),

icp_rules as (

    select * from {{ ref('icp_rules') }}

),

attributes as (

    select
        account_id,
        unnest([
            { 'name': 'industry', 'value': industry },
            { 'name': 'segment', 'value': segment },
            { 'name': 'country', 'value': country },
            { 'name': 'employee_count', 'value': cast(employee_count as varchar) },
            { 'name': 'annual_revenue', 'value': cast(annual_revenue_amount as varchar) }
        ]) as attribute

    from accounts

),

attributes_named as (

    select
        attributes.account_id,
        attributes.attribute.name as attribute_name,
        attributes.attribute.value as attribute_value

    from attributes

),

rules_judged as (

    select
        attributes_named.account_id,
        case
            when attributes_named.attribute_value is null then null
            when icp_rules.comparison = 'one_of'
                then
                    list_contains(
                        string_split(lower(icp_rules.value), '|'),
                        lower(trim(attributes_named.attribute_value))
                    )
            when icp_rules.comparison = 'at_least'
                then
                    try_cast(attributes_named.attribute_value as decimal(38, 4))
                    >= try_cast(icp_rules.value as decimal(38, 4))
            when icp_rules.comparison = 'at_most'
                then
                    try_cast(attributes_named.attribute_value as decimal(38, 4))
                    <= try_cast(icp_rules.value as decimal(38, 4))
        end as is_met

    from attributes_named
    inner join icp_rules
        on attributes_named.attribute_name = icp_rules.attribute

),

-- One rule missed is enough to say no; to say yes every rule must be known to be met.
accounts_judged as (

    select
        account_id,
        case
            when bool_or(not is_met) then false
            when count(is_met) = count(*) then true
        end as is_icp_fit

    from rules_judged
    group by 1

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
    accounts.is_deleted,
    accounts_judged.is_icp_fit

from accounts
left join accounts_judged
    on accounts.account_id = accounts_judged.account_id
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
    null as is_deleted,
    null as is_icp_fit
