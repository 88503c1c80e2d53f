{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'payout_id'],
    post_hook="{{ remember_batches('stripe', 'payouts') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'payouts') }}

),

staged as (

    select
        -- ids
        payout_id,
        balance_transaction_id,

        -- strings
        status,
        currency,
        bank_reference,

        -- numerics
        amount_minor,

        -- dates
        arrives_on,

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

{{ newest_of('staged', ['payout_id']) }}
