with

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

payments as (

    select * from {{ ref('int_payments_unioned') }}
    where status = 'succeeded'

),

payouts as (

    select * from {{ ref('int_payouts_unioned') }}
    where status not in ('failed', 'canceled')

),

disputes as (

    select * from {{ ref('int_disputes_unioned') }}

),

bank_lines as (

    select * from {{ ref('int_bank_transactions_linked') }}

),

provider_transactions as (

    select
        *,
        source_name || ':' || coalesce(source_object_id, transaction_id) as reference,
        {{ report_date('occurred_at') }} as occurred_date,
        coalesce(reporting_category, type) as category

    from {{ ref('int_ledger_transactions_unioned') }}

),

sources_with_provider as (

    select distinct source_name from provider_transactions

),

-- The day a payout is in the bank: as booked there, else as announced.
payout_days as (

    select
        payouts.payout_id,
        coalesce(min(bank_lines.booked_on), min(payouts.arrived_on)) as booked_on

    from payouts
    left join bank_lines
        on payouts.payout_id = bank_lines.payout_id
    group by 1

),

-- A payout leaves the provider's balance when it is sent. A ledger that books it when the bank
-- does still holds it until then.
balance_moves as (

    select
        transactions.legal_entity,
        transactions.currency,
        transactions.occurred_date,
        transactions.reference,
        transactions.transaction_id as record_id,
        transactions.net_amount as amount,
        case when payout_days.payout_id is null then transactions.net_amount else 0 end
            as expected_amount,
        transactions._source_ref as source_ref,
        transactions._batch_id as batch_id

    from provider_transactions as transactions
    left join payout_days
        on transactions.reference = payout_days.payout_id

    union all

    select
        transactions.legal_entity,
        transactions.currency,
        payout_days.booked_on as occurred_date,
        transactions.reference,
        transactions.transaction_id as record_id,
        cast(0 as decimal(38, 4)) as amount,
        transactions.net_amount as expected_amount,
        transactions._source_ref as source_ref,
        transactions._batch_id as batch_id

    from provider_transactions as transactions
    inner join payout_days
        on transactions.reference = payout_days.payout_id

),

-- What invoices say was paid on them, and the payments and transfers that did.
invoices_paid as (

    select
        *,
        coalesce(amount_paid, case when status = 'paid' then total_amount end)
            as stated_amount

    from invoices
    where finalized_at is not null

),

records_stacked as (

    select
        'provider_balance_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'provider_transaction' as record_type,
        record_id,
        amount,
        expected_amount,
        source_ref,
        batch_id

    from balance_moves

    union all

    select
        'provider_fees_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'provider_transaction' as record_type,
        transaction_id as record_id,
        fee_amount as amount,
        fee_amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from provider_transactions
    where fee_amount <> 0

    union all

    select
        'bank_vs_ledger' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        booked_on as occurred_date,
        coalesce(payout_id, bank_transaction_id) as reference,
        'bank_transaction' as record_type,
        bank_transaction_id as record_id,
        amount,
        amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from bank_lines

    union all

    select
        'payouts_vs_bank' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        arrived_on as occurred_date,
        payout_id as reference,
        'payout' as record_type,
        payout_id as record_id,
        amount,
        amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from payouts

    union all

    select
        'payouts_vs_bank' as line,
        'other' as side,
        legal_entity,
        currency,
        booked_on as occurred_date,
        payout_id as reference,
        'bank_transaction' as record_type,
        bank_transaction_id as record_id,
        amount,
        amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from bank_lines
    where payout_id is not null

    union all

    select
        'payouts_vs_provider' as line,
        'warehouse' as side,
        payouts.legal_entity,
        payouts.currency,
        payouts.arrived_on as occurred_date,
        payouts.payout_id as reference,
        'payout' as record_type,
        payouts.payout_id as record_id,
        payouts.amount,
        payouts.amount as expected_amount,
        payouts._source_ref as source_ref,
        payouts._batch_id as batch_id

    from payouts
    inner join sources_with_provider
        on payouts.source_name = sources_with_provider.source_name

    union all

    select
        'payouts_vs_provider' as line,
        'other' as side,
        transactions.legal_entity,
        transactions.currency,
        transactions.occurred_date,
        transactions.reference,
        'provider_transaction' as record_type,
        transactions.transaction_id as record_id,
        -transactions.amount as amount,
        -transactions.amount as expected_amount,
        transactions._source_ref as source_ref,
        transactions._batch_id as batch_id

    from provider_transactions as transactions
    -- Only sources that tell of payouts can be asked for each of them.
    semi join payouts
        on transactions.source_name = payouts.source_name
    where transactions.category = 'payout'

    union all

    select
        'disputes_vs_provider' as line,
        'warehouse' as side,
        disputes.legal_entity,
        disputes.currency,
        {{ report_date('disputes.opened_at') }} as occurred_date,
        disputes.dispute_id as reference,
        'dispute' as record_type,
        disputes.dispute_id as record_id,
        disputes.amount,
        disputes.amount as expected_amount,
        disputes._source_ref as source_ref,
        disputes._batch_id as batch_id

    from disputes
    inner join sources_with_provider
        on disputes.source_name = sources_with_provider.source_name

    union all

    select
        'disputes_vs_provider' as line,
        'warehouse' as side,
        disputes.legal_entity,
        disputes.currency,
        {{ report_date('disputes.reinstated_at') }} as occurred_date,
        disputes.dispute_id as reference,
        'dispute_reversal' as record_type,
        disputes.dispute_id as record_id,
        -disputes.amount as amount,
        -disputes.amount as expected_amount,
        disputes._source_ref as source_ref,
        disputes._batch_id as batch_id

    from disputes
    inner join sources_with_provider
        on disputes.source_name = sources_with_provider.source_name
    where disputes.reinstated_at is not null

    union all

    select
        'disputes_vs_provider' as line,
        'other' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'provider_transaction' as record_type,
        transaction_id as record_id,
        -amount as amount,
        -amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from provider_transactions
    where category in ('dispute', 'dispute_reversal')

    union all

    select
        'invoices_vs_payments' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        {{ report_date('paid_at') }} as occurred_date,
        coalesce(invoice_id, payment_id) as reference,
        'payment' as record_type,
        payment_id as record_id,
        amount,
        amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from payments

    union all

    select
        'invoices_vs_payments' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        booked_on as occurred_date,
        invoice_id as reference,
        'bank_transaction' as record_type,
        bank_transaction_id as record_id,
        amount,
        amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from bank_lines
    where invoice_id is not null

    union all

    select
        'invoices_vs_payments' as line,
        'other' as side,
        legal_entity,
        currency,
        coalesce({{ report_date('paid_at') }}, {{ report_date('finalized_at') }})
            as occurred_date,
        invoice_id as reference,
        'invoice' as record_type,
        invoice_id as record_id,
        stated_amount as amount,
        stated_amount as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from invoices_paid
    where stated_amount > 0

),

records_dated as (

    select
        *,
        cast(date_trunc('month', occurred_date) as date) as period_start_date

    from records_stacked
    where occurred_date is not null

)

select * from records_dated
