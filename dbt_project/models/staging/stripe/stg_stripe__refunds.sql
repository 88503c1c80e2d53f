{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'refund_id'],
    post_hook="{{ remember_batches('stripe', 'refunds') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'refunds') }}

),

staged as (

    select
        -- ids
        refund_id,
        charge_id,
        balance_transaction_id,

        -- strings
        status,
        currency,
        reason,

        -- numerics
        amount_minor,

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

{{ newest_of('staged', ['refund_id']) }}
