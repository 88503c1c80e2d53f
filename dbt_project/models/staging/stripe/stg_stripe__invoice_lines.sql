{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_name', 'source_account', 'line_id'],
    post_hook="{{ remember_batches('stripe', 'invoice_lines') }}",
) }}

with

landed as (

    {{ unconsumed_rows('stripe', 'invoice_lines') }}

),

staged as (

    select
        -- ids
        line_id,
        invoice_id,
        subscription_id,
        item_id,
        product_id,
        price_id,

        -- strings
        description,
        currency,

        -- numerics
        quantity,
        amount_minor,
        discount_minor,
        tax_minor,

        -- booleans
        coalesce(is_proration, false) as is_proration,

        -- timestamps
        service_starts_at,
        service_ends_at,

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

{{ newest_of('staged', ['line_id']) }}
