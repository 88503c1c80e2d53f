{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'credit_note_id'],
    post_hook="{{ remember_batches('stripe', 'credit_notes') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'credit_notes') }}

),

staged as (

    select
        -- ids
        credit_note_id,
        invoice_id,
        customer_id,
        refund_id,

        -- strings
        status,
        currency,
        reason,

        -- numerics
        subtotal_minor,
        tax_minor,
        total_minor,

        -- timestamps
        created_at,
        voided_at,

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

{{ newest_of('staged', ['credit_note_id']) }}
