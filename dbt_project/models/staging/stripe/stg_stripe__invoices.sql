{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'invoice_id'],
    post_hook="{{ remember_batches('stripe', 'invoices') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'invoices') }}

),

staged as (

    select
        -- ids
        invoice_id,
        customer_id,
        subscription_id,

        -- strings
        invoice_number,
        status,
        currency,

        -- numerics
        subtotal_minor,
        discount_minor,
        tax_minor,
        total_minor,
        amount_paid_minor,

        -- timestamps
        created_at,
        finalized_at,
        due_at,
        paid_at,
        voided_at,
        uncollectible_at,

        -- load
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id,
        _load_date,
        _extracted_at,
        _row_hash

    from landed

)

{{ newest_of('staged', ['invoice_id']) }}
