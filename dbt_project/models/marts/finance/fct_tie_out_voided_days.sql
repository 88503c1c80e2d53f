with

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

voided as (

    select
        events.legal_entity,
        events.currency,
        events.source_key,
        events.invoice_id,
        events.event_type,
        events.revenue_event_id,
        events.report_date as issued_date,
        {{ report_date('coalesce(events.event_voided_at, invoices.voided_at)') }}
            as voided_date,
        events.net_amount,
        events.tax_amount,
        events._source_ref as source_ref,
        events._batch_id as batch_id,
        case events.event_type
            when 'credit_note' then events.source_key
            else events.invoice_id
        end as reference

    from revenue_events as events
    left join invoices
        on events.invoice_id = invoices.invoice_id
    where
        events.exclusion_reason in ('void', 'void_credit_note')
        and events.report_date is not null

)

select
    *,
    issued_date as occurred_date,
    1 as direction,
    revenue_event_id as record_id

from voided

union all

select
    *,
    voided_date as occurred_date,
    -1 as direction,
    revenue_event_id || ' (taken back)' as record_id

from voided
where voided_date is not null
