{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'dispute_id'],
    post_hook="{{ remember_batches('stripe', 'disputes') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'disputes') }}

),

staged as (

    select
        -- ids
        dispute_id,
        charge_id,

        -- strings
        status,
        reason,
        currency,

        -- numerics
        amount_minor,
        fee_minor,

        -- timestamps
        created_at,
        reinstated_at,

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

{{ newest_of('staged', ['dispute_id']) }}
