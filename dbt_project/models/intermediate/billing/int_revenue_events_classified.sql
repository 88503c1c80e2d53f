with

invoice_lines as (

    select * from {{ ref('int_invoice_lines_unioned') }}

),

credit_notes as (

    select * from {{ ref('int_credit_notes_unioned') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

products as (

    select * from {{ ref('int_billing_products_unioned') }}

),

lines_named as (

    select
        invoice_lines.*,
        coalesce(products.product_id, invoice_lines.source_product_key) as product_id

    from invoice_lines
    left join products
        on invoice_lines.source_product_key = products.source_product_key

),

-- A credit note is not itemised; it belongs to a product or subscription only where the
-- invoice it reduces has a single one.
invoices_of_one_thing as (

    select
        invoice_id,
        case when count(distinct product_id) = 1 then min(product_id) end as product_id,
        case when count(distinct subscription_id) = 1 then min(subscription_id) end
            as subscription_id

    from lines_named
    group by 1

),

events_stacked as (

    select
        'line:' || line_id as revenue_event_id,
        'invoice_line' as event_type,
        line_id as source_key,
        invoice_id,
        subscription_id,
        product_id,
        cast(null as timestamptz) as issued_at,
        cast(null as timestamptz) as event_voided_at,
        quantity,
        net_amount,
        discount_amount,
        tax_amount,
        currency,
        service_starts_at,
        service_ends_at,
        is_proration,
        source_name,
        source_account,
        legal_entity,
        _source_ref,
        _batch_id

    from lines_named

    union all

    select
        'credit_note:' || credit_notes.credit_note_id as revenue_event_id,
        'credit_note' as event_type,
        credit_notes.credit_note_id as source_key,
        credit_notes.invoice_id,
        invoices_of_one_thing.subscription_id,
        invoices_of_one_thing.product_id,
        credit_notes.issued_at,
        credit_notes.voided_at as event_voided_at,
        cast(null as decimal(38, 6)) as quantity,
        -credit_notes.net_amount as net_amount,
        cast(null as decimal(38, 4)) as discount_amount,
        -credit_notes.tax_amount as tax_amount,
        credit_notes.currency,
        cast(null as timestamptz) as service_starts_at,
        cast(null as timestamptz) as service_ends_at,
        false as is_proration,
        credit_notes.source_name,
        credit_notes.source_account,
        credit_notes.legal_entity,
        credit_notes._source_ref,
        credit_notes._batch_id

    from credit_notes
    left join invoices_of_one_thing
        on credit_notes.invoice_id = invoices_of_one_thing.invoice_id

),

events_dated as (

    select
        events_stacked.*,
        invoices.customer_id,
        coalesce(events_stacked.subscription_id, invoices.subscription_id)
            as invoiced_subscription_id,
        invoices.status as invoice_status,
        case events_stacked.event_type
            when 'credit_note' then events_stacked.issued_at
            else invoices.finalized_at
        end as occurred_at,
        invoices.invoice_id is null as is_orphan

    from events_stacked
    left join invoices
        on events_stacked.invoice_id = invoices.invoice_id

),

-- Every landed row is either net revenue or carries the reason why not.
events_classified as (

    select
        * exclude (subscription_id, invoiced_subscription_id, is_orphan),
        invoiced_subscription_id as subscription_id,
        {{ report_date('occurred_at') }} as report_date,
        case
            when net_amount is null then 'no_amount'
            when event_type = 'credit_note' and event_voided_at is not null
                then 'void_credit_note'
            when event_type = 'credit_note' and occurred_at >= {{ as_of_end() }}
                then 'after_as_of'
            when event_type = 'invoice_line' and is_orphan then 'no_invoice'
            when event_type = 'invoice_line' and invoice_status = 'draft' then 'draft'
            when event_type = 'invoice_line' and invoice_status = 'void' then 'void'
            when occurred_at is null then 'no_date'
        end as exclusion_reason

    from events_dated

)

select * from events_classified
