with

live as (

    {{ live_rows('stripe', 'credit_notes') }}

)

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

from live
{{ latest_version(['credit_note_id']) }}
