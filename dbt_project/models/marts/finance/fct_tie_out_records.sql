with

billing_records as (

    select * from {{ ref('fct_tie_out_billing_records') }}

),

cash_records as (

    select * from {{ ref('fct_tie_out_cash_records') }}

),

contract_records as (

    select * from {{ ref('fct_tie_out_contract_records') }}

),

recognition_records as (

    select * from {{ ref('fct_tie_out_recognition_records') }}

),

ledger_records as (

    select * from {{ ref('fct_tie_out_ledger_records') }}

),

tie_out_lines as (

    select * from {{ ref('dim_tie_out_lines') }}

),

legal_entities as (

    select * from {{ ref('dim_legal_entities') }}

),

entries as (

    select * from {{ ref('fct_gl_entries') }}

),

balances as (

    select * from {{ ref('fct_gl_balances') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

records_dated as (

    {%- for records in ['billing', 'cash', 'contract', 'recognition', 'ledger'] %}
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
            {%- if records == 'recognition' %}
                functional_amount,
                expected_functional_amount,
            {%- else %}
                cast(null as decimal(38, 4)) as functional_amount,
                cast(null as decimal(38, 4)) as expected_functional_amount,
            {%- endif %}
            source_ref,
            batch_id

        from {{ records }}_records
    {%- endfor %}

),

ledger_currencies as (

    select
        legal_entity,
        currency

    from entries

    union

    select
        legal_entity,
        currency

    from balances

),

-- Ledgers that keep their books in functional currency alone, whatever a document says.
single_currency_ledgers as (

    select
        legal_entities.legal_entity,
        legal_entities.functional_currency,
        currencies.exponent

    from legal_entities
    inner join ledger_currencies
        on legal_entities.legal_entity = ledger_currencies.legal_entity
    inner join currencies
        on legal_entities.functional_currency = currencies.currency_id
    group by 1, 2, 3
    having bool_and(ledger_currencies.currency = legal_entities.functional_currency)

),

-- Such a ledger is met in its own currency: a document at the rate of its day, what is served
-- of it at that of its invoice (D-403). A day without a rate leaves the document as it is.
records_in_books as (

    select
        records_dated.*,
        ledgers.functional_currency,
        coalesce(
            records_dated.functional_amount,
            {{ convert_money('records_dated.amount', 'rates.rate', 'ledgers.exponent') }}
        ) as booked_amount,
        coalesce(
            records_dated.expected_functional_amount,
            {{ convert_money('records_dated.expected_amount', 'rates.rate', 'ledgers.exponent') }}
        ) as booked_expected_amount

    from records_dated
    inner join tie_out_lines
        on records_dated.line = tie_out_lines.line
    left join single_currency_ledgers as ledgers
        on
            case
                when tie_out_lines.other_side = 'ledger' and records_dated.side = 'warehouse'
                    then records_dated.legal_entity
            end = ledgers.legal_entity
            and records_dated.currency <> ledgers.functional_currency
    left join rates
        on
            records_dated.currency = rates.from_currency
            and ledgers.functional_currency = rates.to_currency
            and records_dated.occurred_date = rates.rate_date

),

records_booked as (

    select
        line,
        side,
        legal_entity,
        period_start_date,
        occurred_date,
        reference,
        record_type,
        record_id,
        source_ref,
        batch_id,
        currency as document_currency,
        amount as document_amount,
        case
            when booked_amount is null or booked_expected_amount is null then currency
            else coalesce(functional_currency, currency)
        end as currency,
        case
            when
                functional_currency is null
                or booked_amount is null or booked_expected_amount is null
                then amount
            else booked_amount
        end as amount,
        case
            when
                functional_currency is null
                or booked_amount is null or booked_expected_amount is null
                then expected_amount
            else booked_expected_amount
        end as expected_amount

    from records_in_books

),

records_named as (

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
        document_currency,
        cast(document_amount as decimal(38, 4)) as document_amount,
        source_ref,
        batch_id

    from records_booked

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
        'source_ref',
    ]) }} as tie_out_record_id,
    *,
    '{{ var("build_id") }}' as build_id

from records_named
