with

billing_records as (

    select * from {{ ref('fct_tie_out_billing_records') }}

),

cash_records as (

    select * from {{ ref('fct_tie_out_cash_records') }}

),

recognition_records as (

    select * from {{ ref('fct_tie_out_recognition_records') }}

),

ledger_records as (

    select * from {{ ref('fct_tie_out_ledger_records') }}

),

records_dated as (

    {%- for records in ['billing', 'cash', 'recognition', 'ledger'] %}
        {{ 'union all' if not loop.first }}
        select
            line,
            side,
            legal_entity,
            currency,
            period_start_date,
            occurred_date,
            reference,
            record_type,
            record_id,
            amount,
            expected_amount,
            source_ref,
            batch_id

        from {{ records }}_records
    {%- endfor %}

),

-- The same record may count twice on a day (issued and taken back), so rows are numbered.
records_numbered as (

    select
        line,
        side,
        legal_entity,
        currency,
        period_start_date,
        cast(occurred_date as date) as occurred_date,
        reference,
        record_type,
        coalesce(record_id, '(unknown)') as record_id,
        cast(amount as decimal(38, 4)) as amount,
        cast(expected_amount as decimal(38, 4)) as expected_amount,
        source_ref,
        batch_id,
        row_number() over (
            partition by
                line,
                side,
                legal_entity,
                currency,
                period_start_date,
                occurred_date,
                reference,
                record_type,
                record_id
            order by amount, expected_amount, source_ref
        ) as record_number

    from records_dated

)

select
    {{ surrogate_key([
        'line',
        'side',
        'legal_entity',
        'currency',
        'period_start_date',
        'occurred_date',
        'reference',
        'record_type',
        'record_id',
        'record_number',
    ]) }} as tie_out_record_id,
    * exclude (record_number),
    '{{ var("build_id") }}' as build_id

from records_numbered
