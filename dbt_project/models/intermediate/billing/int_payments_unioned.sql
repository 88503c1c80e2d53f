with

stripe_charges as (

    select * from {{ ref('stg_stripe__charges') }}

),

file_payments as (

    select * from {{ ref('stg_files__payments') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

payments_stacked as (

    select
        stripe_charges.charge_id as payment_id,
        stripe_charges.customer_id,
        stripe_charges.invoice_id,
        stripe_charges.status,
        stripe_charges.created_at as paid_at,
        {{ to_major_units(
            'stripe_charges.amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as amount,
        cast(null as decimal(38, 4)) as fee_amount,
        stripe_charges.currency,
        stripe_charges.source_name,
        stripe_charges.source_account,
        stripe_charges.legal_entity,
        stripe_charges._source_ref,
        stripe_charges._batch_id,
        1 as precedence

    from stripe_charges
    left join currency_exponents
        on stripe_charges.currency = currency_exponents.currency

    union all

    select
        payment_id,
        customer_id,
        invoice_id,
        status,
        paid_at,
        amount,
        fee_amount,
        currency,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_payments

),

payments_keyed as (

    select
        {{ record_key('payment_id') }} as payment_id,
        {{ record_key('customer_id') }} as customer_id,
        {{ record_key('invoice_id') }} as invoice_id,
        status,
        paid_at,
        amount,
        fee_amount,
        currency,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from payments_stacked
    where coalesce(paid_at < {{ as_of_end() }}, true)
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, payment_id
        order by precedence, source_account
    ) = 1

)

select * from payments_keyed
