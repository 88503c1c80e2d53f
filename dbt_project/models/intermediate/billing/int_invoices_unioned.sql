with

stripe_invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

file_invoices as (

    select * from {{ ref('stg_files__invoices') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

invoices_stacked as (

    select
        stripe_invoices.invoice_id,
        stripe_invoices.invoice_number,
        stripe_invoices.customer_id,
        stripe_invoices.subscription_id,
        stripe_invoices.status,
        stripe_invoices.currency,
        {{ to_major_units(
            'stripe_invoices.subtotal_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as subtotal_amount,
        {{ to_major_units(
            'stripe_invoices.discount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as discount_amount,
        {{ to_major_units(
            'stripe_invoices.tax_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as tax_amount,
        {{ to_major_units(
            'stripe_invoices.total_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as total_amount,
        {{ to_major_units(
            'stripe_invoices.amount_paid_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as amount_paid,
        stripe_invoices.finalized_at,
        stripe_invoices.due_at,
        stripe_invoices.paid_at,
        stripe_invoices.voided_at,
        stripe_invoices.uncollectible_at,
        stripe_invoices.source_name,
        stripe_invoices.source_account,
        stripe_invoices.legal_entity,
        stripe_invoices._source_ref,
        stripe_invoices._batch_id,
        1 as precedence

    from stripe_invoices
    left join currency_exponents
        on stripe_invoices.currency = currency_exponents.currency

    union all

    select
        invoice_id,
        invoice_number,
        customer_id,
        subscription_id,
        status,
        currency,
        subtotal as subtotal_amount,
        discount_amount,
        tax_amount,
        total as total_amount,
        cast(null as decimal(38, 4)) as amount_paid,
        finalized_at,
        due_at,
        paid_at,
        voided_at,
        cast(null as timestamptz) as uncollectible_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_invoices

),

invoices_keyed as (

    select
        {{ record_key('invoice_id') }} as invoice_id,
        invoice_id as source_invoice_id,
        invoice_number,
        {{ record_key('customer_id') }} as customer_id,
        {{ record_key('subscription_id') }} as subscription_id,
        -- The state at the end of the as-of day: what the vendor did since is not known yet.
        case
            when status = 'void' and coalesce(voided_at < {{ as_of_end() }}, true) then 'void'
            when finalized_at is null and status = 'draft' then 'draft'
            when finalized_at >= {{ as_of_end() }} then 'draft'
            when status = 'paid' and coalesce(paid_at < {{ as_of_end() }}, true) then 'paid'
            when status = 'uncollectible' and coalesce(uncollectible_at < {{ as_of_end() }}, true)
                then 'uncollectible'
            else 'open'
        end as status,
        currency,
        subtotal_amount,
        discount_amount,
        tax_amount,
        total_amount,
        case when coalesce(paid_at < {{ as_of_end() }}, true) then amount_paid else 0 end
            as amount_paid,
        case when finalized_at < {{ as_of_end() }} then finalized_at end as finalized_at,
        due_at,
        case when paid_at < {{ as_of_end() }} then paid_at end as paid_at,
        case when voided_at < {{ as_of_end() }} then voided_at end as voided_at,
        case when uncollectible_at < {{ as_of_end() }} then uncollectible_at end
            as uncollectible_at,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from invoices_stacked
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, invoice_id
        order by precedence, source_account
    ) = 1

)

select * from invoices_keyed
