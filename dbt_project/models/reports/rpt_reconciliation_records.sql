with

differences as (

    select * from {{ ref('rpt_reconciliation') }}
    where reason_code <> 'agreed' and state = 'compared'

),

records as (

    select * from {{ ref('fct_tie_out_records') }}

),

-- The records of a document up to the month it differs in, and those that clear it later.
records_involved as (

    select
        differences.reconciliation_id,
        differences.period_start_date,
        differences.legal_entity,
        differences.line,
        differences.currency,
        differences.reference,
        records.side,
        records.record_type,
        records.record_id,
        records.period_start_date as record_period_start_date,
        records.occurred_date,
        records.amount,
        records.expected_amount,
        records.document_currency,
        records.document_amount,
        records.source_ref,
        records.batch_id,
        row_number() over (
            partition by differences.reconciliation_id
            order by
                records.side,
                records.period_start_date,
                records.occurred_date,
                records.record_type,
                records.record_id,
                records.source_ref
        ) as record_number

    from differences
    inner join records
        on
            differences.line = records.line
            and differences.legal_entity = records.legal_entity
            and differences.currency = records.currency
            and differences.reference = records.reference

)

select
    {{ surrogate_key(['reconciliation_id', 'record_number']) }}
        as reconciliation_record_id,
    records_involved.*,
    '{{ var("build_id") }}' as build_id

from records_involved
