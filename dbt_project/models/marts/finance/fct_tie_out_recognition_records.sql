with

deferred_months as (

    select * from {{ ref('fct_tie_out_deferred_months') }}

),

credits_told as (

    select * from {{ ref('int_revenue_credits_shared') }}

),

credits as (

    select * from credits_told
    where voided_date is null

),

plans_held as (

    select * from {{ ref('int_revenue_plans_laid') }}
    where held_until is not null

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

-- What the books of a month knew: the plan that held at its end, where a credit since taken
-- back had shaped it.
months_held as (

    select
        months_referred.revenue_event_id,
        months_referred.closing_date,
        min(plans_held.held_until) as held_until

    from months_referred
    inner join plans_held
        on
            months_referred.revenue_event_id = plans_held.revenue_event_id
            and months_referred.closing_date < plans_held.held_until
    group by 1, 2

),

recognised_held as (

    select
        months_held.revenue_event_id,
        months_held.closing_date,
        sum({{ recognised_amount(
            'plans_held.plan_amount',
            'plans_held.exponent',
            '(least(months_held.closing_date + 1, plans_held.cut_on) - plans_held.starts_on)',
            'plans_held.service_days',
        ) }}) as recognised_amount

    from months_held
    inner join plans_held
        on
            months_held.revenue_event_id = plans_held.revenue_event_id
            and months_held.held_until = plans_held.held_until
    group by 1, 2

),

credited_held as (

    select
        months_held.revenue_event_id,
        months_held.closing_date,
        sum(credits_told.credit_amount) as credited_amount

    from months_held
    inner join credits_told
        on
            months_held.revenue_event_id = credits_told.revenue_event_id
            and months_held.closing_date >= credits_told.credited_date
            and (
                credits_told.voided_date is null
                or credits_told.voided_date >= months_held.held_until
            )
    group by 1, 2

),

-- Lines a ledger knows otherwise than by the month: served before they were billed, or lowered
-- by a credit since taken back. They are few; of all others it books what is recognised.
lines_booked_otherwise as (

    select revenue_event_id
    from months_referred
    where period_start_date < billed_period_start_date
    union
    select revenue_event_id
    from months_held

),

recognised_to_date as (

    select
        *,
        sum(recognised_original_amount) over line as recognised_to_date,
        sum(recognised_functional_amount) over line as recognised_functional_to_date

    from months_referred
    where
        revenue_event_id in (
            select otherwise.revenue_event_id
            from lines_booked_otherwise as otherwise
        )
    window line as (
        partition by revenue_event_id
        order by period_start_date
        rows between unbounded preceding and current row
    )

),

-- A ledger knows an invoice from its own month on: what it served before is booked then.
booked_to_date as (

    select
        months.*,
        case
            when months.period_start_date < months.billed_period_start_date then 0
            else coalesce(recognised_held.recognised_amount, months.recognised_to_date)
        end as booked_to_date,
        case
            when months.period_start_date < months.billed_period_start_date then 0
            when recognised_held.revenue_event_id is null
                then months.recognised_functional_to_date
            else
                {{ convert_money(
                    'recognised_held.recognised_amount + coalesce(credited_held.credited_amount, 0)',
                    'months.functional_rate', 'currencies.exponent'
                ) }}
                - {{ convert_money(
                    'coalesce(credited_held.credited_amount, 0)',
                    'months.functional_rate', 'currencies.exponent'
                ) }}
        end as booked_functional_to_date

    from recognised_to_date as months
    left join recognised_held
        on
            months.revenue_event_id = recognised_held.revenue_event_id
            and months.closing_date = recognised_held.closing_date
    left join credited_held
        on
            months.revenue_event_id = credited_held.revenue_event_id
            and months.closing_date = credited_held.closing_date
    left join currencies
        on months.functional_currency = currencies.currency_id

),

booked_otherwise as (

    select
        revenue_event_id,
        closing_date,
        booked_to_date - lag(booked_to_date, 1, 0) over line as booked_amount,
        booked_functional_to_date - lag(booked_functional_to_date, 1, 0) over line
            as booked_functional_amount

    from booked_to_date
    window line as (
        partition by revenue_event_id
        order by period_start_date
    )

),

recognised as (

    select
        months.legal_entity,
        months.original_currency as currency,
        months.closing_date as occurred_date,
        months.reference,
        months.revenue_event_id as record_id,
        months.recognised_original_amount as amount,
        case
            when booked_otherwise.revenue_event_id is null
                then months.recognised_original_amount
            else booked_otherwise.booked_amount
        end as expected_amount,
        months.recognised_functional_amount as functional_amount,
        case
            when booked_otherwise.revenue_event_id is null
                then months.recognised_functional_amount
            else booked_otherwise.booked_functional_amount
        end as expected_functional_amount,
        months.source_ref,
        months.batch_id

    from months_referred as months
    left join booked_otherwise
        on
            months.revenue_event_id = booked_otherwise.revenue_event_id
            and months.closing_date = booked_otherwise.closing_date

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
        record_id,
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
        record_id,
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
