with

standing as (

    {{ file_rows('invoices', ['invoice_id'], day=report_date('finalized_at')) }}

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
    tax_rate,
    subtotal,
    discount_amount,
    tax_amount,
    total,

    -- timestamps
    finalized_at,
    due_at,
    paid_at,
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

from standing
