with

stripe_credit_notes as (

    select * from {{ ref('stg_stripe__credit_notes') }}

),

file_credit_notes as (

    select * from {{ ref('stg_files__credit_notes') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

credit_notes_stacked as (

    select
        stripe_credit_notes.credit_note_id,
        stripe_credit_notes.invoice_id,
        stripe_credit_notes.created_at as issued_at,
        {{ to_major_units(
            'stripe_credit_notes.subtotal_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as net_amount,
        {{ to_major_units(
            'stripe_credit_notes.tax_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as tax_amount,
        stripe_credit_notes.currency,
        stripe_credit_notes.reason,
        stripe_credit_notes.refund_id,
        case
            when stripe_credit_notes.status = 'void'
                then coalesce(stripe_credit_notes.voided_at, stripe_credit_notes.created_at)
        end as voided_at,
        stripe_credit_notes.source_name,
        stripe_credit_notes.source_account,
        stripe_credit_notes.legal_entity,
        stripe_credit_notes._source_ref,
        stripe_credit_notes._batch_id,
        1 as precedence

    from stripe_credit_notes
    left join currency_exponents
        on stripe_credit_notes.currency = currency_exponents.currency

    union all

    select
        credit_note_id,
        invoice_id,
        issued_at,
        amount as net_amount,
        tax_amount,
        currency,
        reason,
        cast(null as varchar) as refund_id,
        voided_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_credit_notes

),

credit_notes_keyed as (

    select
        {{ record_key('credit_note_id') }} as credit_note_id,
        credit_note_id as source_credit_note_id,
        {{ record_key('invoice_id') }} as invoice_id,
        issued_at,
        net_amount,
        tax_amount,
        currency,
        reason,
        -- The refund that paid the credit out; NULL = none named.
        {{ record_key('refund_id') }} as refund_id,
        case when voided_at < {{ as_of_end() }} then voided_at end as voided_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from credit_notes_stacked
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, credit_note_id
        order by precedence, source_account
    ) = 1

)

select * from credit_notes_keyed
