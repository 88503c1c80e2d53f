with

live as (

    {{ live_rows('stripe', 'invoices') }}

)

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

from live
{{ latest_version(['invoice_id']) }}
