with

stripe_balance_transactions as (

    select * from {{ ref('stg_stripe__balance_transactions') }}

),

file_ledger_transactions as (

    select * from {{ ref('stg_files__ledger_transactions') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

ledger_transactions_stacked as (

    select
        stripe_balance_transactions.transaction_id,
        stripe_balance_transactions.created_at as occurred_at,
        stripe_balance_transactions.available_on,
        stripe_balance_transactions.type,
        stripe_balance_transactions.reporting_category,
        {{ to_major_units(
            'stripe_balance_transactions.amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as amount,
        {{ to_major_units(
            'stripe_balance_transactions.fee_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as fee_amount,
        {{ to_major_units(
            'stripe_balance_transactions.net_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as net_amount,
        stripe_balance_transactions.currency,
        stripe_balance_transactions.exchange_rate,
        stripe_balance_transactions.source_id,
        cast(null as varchar) as payout_id,
        stripe_balance_transactions.source_name,
        stripe_balance_transactions.source_account,
        stripe_balance_transactions.legal_entity,
        stripe_balance_transactions._source_ref,
        stripe_balance_transactions._batch_id,
        1 as precedence

    from stripe_balance_transactions
    left join currency_exponents
        on stripe_balance_transactions.currency = currency_exponents.currency

    union all

    select
        transaction_id,
        occurred_at,
        available_on,
        type,
        cast(null as varchar) as reporting_category,
        amount,
        fee_amount,
        net_amount,
        currency,
        exchange_rate,
        source_id,
        payout_id,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_ledger_transactions

),

ledger_transactions_keyed as (

    select
        {{ record_key('transaction_id') }} as transaction_id,
        occurred_at,
        available_on,
        type,
        reporting_category,
        amount,
        fee_amount,
        net_amount,
        currency,
        exchange_rate,
        source_id as source_object_id,
        {{ record_key('payout_id') }} as payout_id,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from ledger_transactions_stacked
    where coalesce(occurred_at < {{ as_of_end() }}, true)
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, transaction_id
        order by precedence, source_account
    ) = 1

)

select * from ledger_transactions_keyed
