{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'transaction_id'],
    post_hook="{{ remember_batches('stripe', 'balance_transactions') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'balance_transactions') }}

),

staged as (

    select
        -- ids
        transaction_id,
        source_id,

        -- strings
        type,
        reporting_category,
        currency,

        -- numerics
        amount_minor,
        fee_minor,
        net_minor,
        exchange_rate,

        -- dates
        available_on,

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

{{ newest_of('staged', ['transaction_id']) }}
