with

ledger_transactions as (

    select * from {{ ref('int_ledger_transactions_unioned') }}

),

payments as (

    select * from {{ ref('int_payments_unioned') }}

),

refunds as (

    select * from {{ ref('int_refunds_unioned') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

disputes as (

    select * from {{ ref('int_disputes_unioned') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

-- A provider's ledger is the cash; payments and refunds as such are it only for sources that
-- keep none, or money would count twice.
sources_with_ledger as (

    select distinct source_name from ledger_transactions

),

ledger_moves as (

    select
        'ledger:' || transaction_id as cash_transaction_id,
        -- Failed payments and refunds come back as movements of their own.
        case
            when
                coalesce(reporting_category, type) in (
                    'charge', 'payment', 'charge_failure', 'payment_failure_refund',
                    'partial_capture_reversal'
                )
                then 'payment'
            when
                coalesce(reporting_category, type) in (
                    'refund', 'payment_refund', 'refund_failure', 'partial_refund'
                )
                then 'refund'
            when
                coalesce(reporting_category, type) in (
                    'dispute', 'dispute_reversal', 'chargeback', 'chargeback_reversal'
                )
                then 'chargeback'
        end as cash_type,
        occurred_at,
        amount,
        fee_amount,
        currency,
        {{ record_key('source_object_id') }} as source_key,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from ledger_transactions

),

moves as (

    select * from ledger_moves
    where cash_type is not null
    union all
    select
        'payment:' || payment_id as cash_transaction_id,
        'payment' as cash_type,
        paid_at as occurred_at,
        amount,
        fee_amount,
        currency,
        payment_id as source_key,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from payments
    anti join sources_with_ledger
        on payments.source_name = sources_with_ledger.source_name
    where status = 'succeeded'
    union all
    select
        'refund:' || refund_id as cash_transaction_id,
        'refund' as cash_type,
        refunded_at as occurred_at,
        -amount as amount,
        cast(null as decimal(38, 4)) as fee_amount,
        currency,
        refund_id as source_key,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from refunds
    anti join sources_with_ledger
        on refunds.source_name = sources_with_ledger.source_name
    where status = 'succeeded'
    {%- for step, occurred_at, sign in [
        ('dispute', 'opened_at', '-'), ('dispute_reversal', 'reinstated_at', '')
    ] %}
        union all
        select
            '{{ step }}:' || dispute_id as cash_transaction_id,
            'chargeback' as cash_type,
            {{ occurred_at }} as occurred_at,
            {{ sign }}amount as amount,
            cast(null as decimal(38, 4)) as fee_amount,
            currency,
            dispute_id as source_key,
            source_name,
            source_account,
            legal_entity,
            _source_ref,
            _batch_id

        from disputes
        anti join sources_with_ledger
            on disputes.source_name = sources_with_ledger.source_name
        where {{ occurred_at }} is not null
    {%- endfor %}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

moves_invoiced as (

    select
        moves.*,
        coalesce(payments.payment_id, refunds.payment_id, disputes.payment_id) as payment_id,
        coalesce(payments.invoice_id, refunds.invoice_id, returned_payments.invoice_id)
            as invoice_id,
        coalesce(payments.customer_id, returned_payments.customer_id) as paying_customer_id

    from moves
    left join payments
        on moves.source_key = payments.payment_id
    left join refunds
        on moves.source_key = refunds.refund_id
    -- A provider's ledger names the dispute as its source; the charge itself where it does not.
    left join disputes
        on moves.source_key = disputes.dispute_id
    left join payments as returned_payments
        on coalesce(refunds.payment_id, disputes.payment_id) = returned_payments.payment_id

),

-- Tax collected is the state's: an invoice's cash is net in the share its amount is, by running
-- totals, so that the parts of several payments add up.
moves_running as (

    select
        moves_invoiced.*,
        invoices.customer_id as invoiced_customer_id,
        currencies.exponent,
        case when invoices.total_amount > 0 then invoices.total_amount end as total_amount,
        invoices.total_amount - coalesce(invoices.tax_amount, 0) as untaxed_amount,
        sum(moves_invoiced.amount) over (
            partition by moves_invoiced.invoice_id, moves_invoiced.currency
            order by moves_invoiced.occurred_at, moves_invoiced.cash_transaction_id
            rows between unbounded preceding and current row
        ) as running_amount

    from moves_invoiced
    left join invoices
        on moves_invoiced.invoice_id = invoices.invoice_id
    left join currencies
        on moves_invoiced.currency = currencies.currency_id

),

moves_untaxed as (

    select
        {%- for name, amount in [
            ('running_net', 'running_amount'), ('earlier_net', '(running_amount - amount)')
        ] %}
            cast(
                {{ from_minor_units(
                    round_ratio(
                        to_minor_units(amount, 4) ~ ' * ' ~ to_minor_units('untaxed_amount', 4),
                        to_minor_units('total_amount', 4)
                        ~ ' * case exponent when 0 then 10000 when 2 then 100 when 3 then 10 '
                        ~ 'when 4 then 1 end'
                    ),
                    'exponent'
                ) }}
                as decimal(38, 4)
            ) as {{ name }}_amount,
        {%- endfor %}
        *

    from moves_running

)

select
    moves_untaxed.cash_transaction_id,
    moves_untaxed.cash_type,
    {{ report_date('moves_untaxed.occurred_at') }} as report_date,
    moves_untaxed.occurred_at,
    moves_untaxed.payment_id,
    moves_untaxed.invoice_id,
    customers.customer_id,
    coalesce(customers.segment, '(unknown)') as segment,
    moves_untaxed.legal_entity,
    moves_untaxed.source_name,
    moves_untaxed.source_account,
    moves_untaxed.currency,
    moves_untaxed.amount,
    coalesce(
        moves_untaxed.running_net_amount - moves_untaxed.earlier_net_amount,
        moves_untaxed.amount
    ) as net_amount,
    moves_untaxed.fee_amount,
    moves_untaxed._source_ref as source_ref,
    moves_untaxed._batch_id as batch_id,
    '{{ var("build_id") }}' as build_id

from moves_untaxed
left join customers
    on
        coalesce(moves_untaxed.invoiced_customer_id, moves_untaxed.paying_customer_id)
        = customers.customer_id
