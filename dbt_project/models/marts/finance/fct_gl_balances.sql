with

balances as (

    select * from {{ ref('stg_files__gl_balances') }}

),

accounts as (

    select * from {{ ref('int_gl_accounts_mapped') }}

),

-- An account with another one below it in the same export is a sum of those.
parents as (

    select distinct
        above.legal_entity,
        above.period,
        above.currency,
        above.account_code

    from balances as above
    inner join balances as below
        on
            above.legal_entity = below.legal_entity
            and above.period = below.period
            and above.currency = below.currency
            and length(below.account_code) > length(above.account_code)
            and starts_with(below.account_code, above.account_code)

),

balances_mapped as (

    select
        {{ surrogate_key([
            'balances.legal_entity',
            'balances.period',
            'balances.account_code',
            'balances.currency',
            'balances.source_name',
        ]) }} as gl_balance_id,
        balances.legal_entity,
        balances.source_name,
        balances.source_account,
        balances.period as period_start_date,
        balances.account_code,
        balances.account_name,
        balances.currency,
        coalesce(balances.opening_debit, 0) - coalesce(balances.opening_credit, 0)
            as opening_amount,
        balances.debit as debit_amount,
        balances.credit as credit_amount,
        -- An export without closings still says them: opening and movements.
        coalesce(
            coalesce(balances.closing_debit, -balances.closing_credit)
            - case
                when balances.closing_debit is null then 0
                else coalesce(balances.closing_credit, 0)
            end,
            coalesce(balances.opening_debit, 0) - coalesce(balances.opening_credit, 0)
            + balances.debit - balances.credit
        ) as closing_amount,
        balances.functional_currency,
        balances.functional_debit as functional_debit_amount,
        balances.functional_credit as functional_credit_amount,
        parents.account_code is not null as is_parent,
        accounts.account_prefix,
        accounts.ledger_line,
        cast(accounts.sign as integer) as sign,
        balances._source_ref as source_ref,
        balances._batch_id as batch_id,
        '{{ var("build_id") }}' as build_id

    from balances
    left join accounts
        on
            balances.legal_entity = accounts.legal_entity
            and balances.account_code = accounts.account_code
    left join parents
        on
            balances.legal_entity = parents.legal_entity
            and balances.period = parents.period
            and balances.currency = parents.currency
            and balances.account_code = parents.account_code

)

select * from balances_mapped
