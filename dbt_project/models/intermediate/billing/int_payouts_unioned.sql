with

stripe_payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

file_payouts as (

    select * from {{ ref('stg_files__payouts') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

payouts_stacked as (

    select
        stripe_payouts.payout_id,
        stripe_payouts.status,
        stripe_payouts.created_at,
        stripe_payouts.arrives_on as arrived_on,
        {{ to_major_units(
            'stripe_payouts.amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as amount,
        stripe_payouts.currency,
        stripe_payouts.bank_reference,
        stripe_payouts.source_name,
        stripe_payouts.source_account,
        stripe_payouts.legal_entity,
        stripe_payouts._source_ref,
        stripe_payouts._batch_id,
        1 as precedence

    from stripe_payouts
    left join currency_exponents
        on stripe_payouts.currency = currency_exponents.currency

    union all

    select
        payout_id,
        status,
        cast(null as timestamptz) as created_at,
        arrived_on,
        amount,
        currency,
        bank_reference,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_payouts

),

payouts_keyed as (

    select
        {{ record_key('payout_id') }} as payout_id,
        payout_id as source_payout_id,
        status,
        arrived_on,
        amount,
        currency,
        bank_reference,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from payouts_stacked
    -- A payout that has left is known before it arrives.
    where coalesce(created_at < {{ as_of_end() }}, arrived_on <= {{ as_of_date() }}, true)
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, payout_id
        order by precedence, source_account
    ) = 1

)

select * from payouts_keyed
