with

stripe_refunds as (

    select * from {{ ref('stg_stripe__refunds') }}

),

file_refunds as (

    select * from {{ ref('stg_files__refunds') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

refunds_stacked as (

    select
        stripe_refunds.refund_id,
        stripe_refunds.charge_id as payment_id,
        cast(null as varchar) as invoice_id,
        stripe_refunds.status,
        stripe_refunds.created_at as refunded_at,
        {{ to_major_units(
            'stripe_refunds.amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as amount,
        stripe_refunds.currency,
        stripe_refunds.reason,
        stripe_refunds.source_name,
        stripe_refunds.source_account,
        stripe_refunds.legal_entity,
        stripe_refunds._source_ref,
        stripe_refunds._batch_id,
        1 as precedence

    from stripe_refunds
    left join currency_exponents
        on stripe_refunds.currency = currency_exponents.currency

    union all

    select
        refund_id,
        payment_id,
        invoice_id,
        'succeeded' as status,
        refunded_at,
        amount,
        currency,
        reason,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_refunds

),

refunds_keyed as (

    select
        {{ record_key('refund_id') }} as refund_id,
        {{ record_key('payment_id') }} as payment_id,
        {{ record_key('invoice_id') }} as invoice_id,
        status,
        refunded_at,
        amount,
        currency,
        reason,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from refunds_stacked
    where coalesce(refunded_at < {{ as_of_end() }}, true)
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, refund_id
        order by precedence, source_account
    ) = 1

)

select * from refunds_keyed
