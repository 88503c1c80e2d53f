with

deferred_months as (

    select * from {{ ref('fct_deferred_revenue_monthly') }}

),

credits as (

    select * from {{ ref('int_revenue_credits_shared') }}

),

voided_days as (

    select * from {{ ref('fct_tie_out_voided_days') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

-- A line is told of under its invoice; a credit note no line bears under its own name.
months_referred as (

    select
        *,
        case
            when starts_with(revenue_event_id, 'credit_note:')
                then substr(revenue_event_id, length('credit_note:') + 1)
            else invoice_id
        end as reference,
        cast(date_trunc('month', closing_date) as date) as period_start_date,
        cast(date_trunc('month', billed_date) as date) as billed_period_start_date

    from deferred_months

),

-- A ledger knows an invoice from its own month on: what it served before is booked then.
recognised as (

    select
        legal_entity,
        original_currency as currency,
        closing_date as occurred_date,
        reference,
        revenue_event_id as record_id,
        recognised_original_amount as amount,
        case
            when period_start_date > billed_period_start_date then recognised_original_amount
            when period_start_date = billed_period_start_date
                then
                    sum(recognised_original_amount) over (
                        partition by revenue_event_id
                        order by period_start_date
                        rows between unbounded preceding and current row
                    )
            else 0
        end as expected_amount,
        recognised_functional_amount as functional_amount,
        case
            when period_start_date > billed_period_start_date
                then recognised_functional_amount
            when period_start_date = billed_period_start_date
                then
                    sum(recognised_functional_amount) over (
                        partition by revenue_event_id
                        order by period_start_date
                        rows between unbounded preceding and current row
                    )
            else 0
        end as expected_functional_amount,
        source_ref,
        batch_id

    from months_referred

),

billed as (

    select
        legal_entity,
        original_currency as currency,
        billed_date as occurred_date,
        reference,
        revenue_event_id as record_id,
        billed_original_amount as amount,
        billed_functional_amount as functional_amount,
        source_ref,
        batch_id

    from months_referred
    where billed_original_amount <> 0

),

event_places as (

    select
        revenue_event_id,
        any_value(legal_entity) as legal_entity,
        any_value(original_currency) as currency,
        any_value(functional_rate) as functional_rate,
        any_value(functional_currency) as functional_currency,
        min(source_ref) as source_ref,
        min(batch_id) as batch_id

    from deferred_months
    group by 1

),

credited as (

    select
        event_places.legal_entity,
        event_places.currency,
        credits.credited_date as occurred_date,
        substr(credits.credit_id, length(credits.credit_type) + 2) as reference,
        credits.credit_type as record_type,
        credits.credit_id || ' ' || credits.revenue_event_id as record_id,
        credits.credit_amount as amount,
        {{ convert_money(
            'credits.credit_amount', 'event_places.functional_rate', 'currencies.exponent'
        ) }} as functional_amount,
        event_places.source_ref,
        event_places.batch_id

    from credits
    inner join event_places
        on credits.revenue_event_id = event_places.revenue_event_id
    left join currencies
        on event_places.functional_currency = currencies.currency_id
    where credits.credited_date <= {{ as_of_date() }}

),

records_stacked as (

    select
        'recognised_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'recognised' as record_type,
        record_id,
        amount,
        expected_amount,
        functional_amount,
        expected_functional_amount,
        source_ref,
        batch_id

    from recognised
    where amount <> 0 or expected_amount <> 0

    union all

    select
        'recognised_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'voided' as record_type,
        revenue_event_id as record_id,
        0 as amount,
        0 as expected_amount,
        0 as functional_amount,
        0 as expected_functional_amount,
        source_ref,
        batch_id

    from voided_days

    union all

    select
        'deferred_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'invoice_line' as record_type,
        record_id,
        amount,
        amount as expected_amount,
        functional_amount,
        functional_amount as expected_functional_amount,
        source_ref,
        batch_id

    from billed

    union all

    select
        'deferred_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'recognised' as record_type,
        record_id,
        -amount as amount,
        -expected_amount as expected_amount,
        -functional_amount as functional_amount,
        -expected_functional_amount as expected_functional_amount,
        source_ref,
        batch_id

    from recognised
    where amount <> 0 or expected_amount <> 0

    union all

    select
        'deferred_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        -amount as amount,
        -amount as expected_amount,
        -functional_amount as functional_amount,
        -functional_amount as expected_functional_amount,
        source_ref,
        batch_id

    from credited

    union all

    select
        'deferred_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        'voided' as record_type,
        revenue_event_id as record_id,
        0 as amount,
        direction * net_amount as expected_amount,
        cast(0 as decimal(38, 4)) as functional_amount,
        cast(null as decimal(38, 4)) as expected_functional_amount,
        source_ref,
        batch_id

    from voided_days

    union all

    -- A refund nobody wrote a note for is no billing, and lowers what is deferred of it.
    select
        'billings_vs_ledger' as line,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        -amount as amount,
        -amount as expected_amount,
        -functional_amount as functional_amount,
        -functional_amount as expected_functional_amount,
        source_ref,
        batch_id

    from credited
    where record_type = 'refund'

)

select
    *,
    'warehouse' as side,
    cast(date_trunc('month', occurred_date) as date) as period_start_date

from records_stacked
