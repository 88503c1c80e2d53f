with

stripe_disputes as (

    select * from {{ ref('stg_stripe__disputes') }}

),

file_disputes as (

    select * from {{ ref('stg_files__disputes') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

disputes_stacked as (

    select
        stripe_disputes.dispute_id,
        stripe_disputes.charge_id as payment_id,
        stripe_disputes.status,
        stripe_disputes.reason,
        stripe_disputes.created_at as opened_at,
        stripe_disputes.reinstated_at,
        {{ to_major_units(
            'stripe_disputes.amount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as amount,
        {{ to_major_units(
            'stripe_disputes.fee_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as fee_amount,
        stripe_disputes.currency,
        stripe_disputes.source_name,
        stripe_disputes.source_account,
        stripe_disputes.legal_entity,
        stripe_disputes._source_ref,
        stripe_disputes._batch_id,
        1 as precedence

    from stripe_disputes
    left join currency_exponents
        on stripe_disputes.currency = currency_exponents.currency

    union all

    select
        dispute_id,
        payment_id,
        status,
        cast(null as varchar) as reason,
        opened_at,
        case when lower(status) = 'won' then closed_at end as reinstated_at,
        amount,
        fee_amount,
        currency,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_disputes

),

disputes_keyed as (

    select
        {{ record_key('dispute_id') }} as dispute_id,
        dispute_id as source_dispute_id,
        {{ record_key('payment_id') }} as payment_id,
        status,
        reason,
        opened_at,
        case when reinstated_at < {{ as_of_end() }} then reinstated_at end
            as reinstated_at,
        amount,
        fee_amount,
        currency,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from disputes_stacked
    -- An inquiry (warning_…) moves no money.
    where
        coalesce(opened_at < {{ as_of_end() }}, true)
        and not starts_with(coalesce(lower(status), ''), 'warning')
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, dispute_id
        order by precedence, source_account
    ) = 1

)

select * from disputes_keyed
