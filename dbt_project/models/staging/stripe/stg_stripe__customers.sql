{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'customer_id'],
    post_hook="{{ remember_batches('stripe', 'customers') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'customers') }}

),

staged as (

    select
        -- ids
        customer_id,
        crm_account_id as account_id,

        -- strings
        customer_name,
        email,
        country,
        currency,

        -- booleans
        coalesce(is_deleted, false) as is_deleted,

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

{{ newest_of('staged', ['customer_id']) }}
