{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'charge_id'],
    post_hook="{{ remember_batches('stripe', 'charges') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'charges') }}

),

staged as (

    select
        -- ids
        charge_id,
        customer_id,
        invoice_id,
        balance_transaction_id,

        -- strings
        status,
        currency,
        failure_code,

        -- numerics
        amount_minor,
        amount_refunded_minor,

        -- timestamps
        created_at,

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

{{ newest_of('staged', ['charge_id']) }}
