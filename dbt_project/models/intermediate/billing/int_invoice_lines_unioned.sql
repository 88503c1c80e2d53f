with

stripe_invoice_lines as (

    select * from {{ ref('stg_stripe__invoice_lines') }}

),

file_invoice_lines as (

    select * from {{ ref('stg_files__invoice_lines') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

invoice_lines_stacked as (

    select
        stripe_invoice_lines.line_id,
        stripe_invoice_lines.invoice_id,
        stripe_invoice_lines.subscription_id,
        stripe_invoice_lines.product_id,
        cast(stripe_invoice_lines.quantity as decimal(38, 6)) as quantity,
        {{ to_major_units(
            'stripe_invoice_lines.amount_minor - coalesce(stripe_invoice_lines.discount_minor, 0)',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as net_amount,
        {{ to_major_units(
            'stripe_invoice_lines.discount_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as discount_amount,
        {{ to_major_units(
            'stripe_invoice_lines.tax_minor',
            'currency_exponents.stripe_minor_unit_amount'
        ) }} as tax_amount,
        stripe_invoice_lines.currency,
        stripe_invoice_lines.service_starts_at,
        stripe_invoice_lines.service_ends_at,
        stripe_invoice_lines.is_proration,
        stripe_invoice_lines.source_name,
        stripe_invoice_lines.source_account,
        stripe_invoice_lines.legal_entity,
        stripe_invoice_lines._source_ref,
        stripe_invoice_lines._batch_id,
        1 as precedence

    from stripe_invoice_lines
    left join currency_exponents
        on stripe_invoice_lines.currency = currency_exponents.currency

    union all

    select
        line_id,
        invoice_id,
        subscription_id,
        product_id,
        quantity,
        amount as net_amount,
        discount_amount,
        tax_amount,
        currency,
        service_starts_at,
        service_ends_at,
        coalesce(is_proration, false) as is_proration,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        2 as precedence

    from file_invoice_lines

),

invoice_lines_keyed as (

    select
        {{ record_key('line_id') }} as line_id,
        line_id as source_line_id,
        {{ record_key('invoice_id') }} as invoice_id,
        {{ record_key('subscription_id') }} as subscription_id,
        {{ record_key('product_id') }} as source_product_key,
        quantity,
        net_amount,
        discount_amount,
        tax_amount,
        currency,
        service_starts_at,
        service_ends_at,
        is_proration,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from invoice_lines_stacked
    -- A one-time history export repeats what its vendor still delivers.
    qualify row_number() over (
        partition by source_name, line_id
        order by precedence, source_account
    ) = 1

)

select * from invoice_lines_keyed
