with

balances as (

    select * from {{ ref('stg_files__gl_balances') }}

),

journal as (

    select * from {{ ref('stg_files__gl_journal') }}

),

account_map as (

    select * from {{ ref('stg_files__gl_account_map') }}

),

accounts_found as (

    select
        legal_entity,
        account_code

    from balances

    union

    select
        legal_entity,
        account_code

    from journal

),

accounts_mapped as (

    select
        accounts_found.legal_entity,
        accounts_found.account_code,
        account_map.account_prefix,
        account_map.tie_out_line as ledger_line,
        account_map.sign

    from accounts_found
    left join account_map
        on
            accounts_found.legal_entity = account_map.legal_entity
            and starts_with(accounts_found.account_code, account_map.account_prefix)
    -- The longest prefix wins; two files saying different things of one prefix: the newer.
    qualify row_number() over (
        partition by accounts_found.legal_entity, accounts_found.account_code
        order by
            length(account_map.account_prefix) desc nulls last,
            account_map._load_date desc,
            account_map._row_hash desc
    ) = 1

)

select * from accounts_mapped
