with

records as (

    select * from {{ ref('fct_tie_out_records') }}

),

tie_out_lines as (

    select * from {{ ref('dim_tie_out_lines') }}

),

balances as (

    select * from {{ ref('fct_gl_balances') }}

),

entries as (

    select * from {{ ref('fct_gl_entries') }}

),

months as (

    select distinct cast(date_trunc('month', date_day) as date) as period_start_date
    from {{ ref('dim_dates') }}
    where date_day <= {{ as_of_date() }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

-- What the ledger delivered, month by month.
ledger_rows as (

    select
        legal_entity,
        period_start_date,
        false as is_journal

    from balances

    union all

    select
        legal_entity,
        period_start_date,
        true as is_journal

    from entries

),

ledger_months as (

    select
        legal_entity,
        period_start_date,
        bool_or(is_journal) as has_journal

    from ledger_rows
    group by 1, 2

),

-- A month of a bank is there with its first line.
bank_months as (

    select distinct
        legal_entity,
        period_start_date

    from records
    where record_type = 'bank_transaction'

),

first_booking as (

    select min(period_start_date) as first_period_start_date
    from records
    where record_type = 'opportunity'

),

first_contracts as (

    select
        legal_entity,
        min(period_start_date) as first_period_start_date

    from records
    where record_type = 'subscription'
    group by 1

),

-- Deals can be held against contracts since both are known: the company has a CRM, and the
-- legal entity a contract.
contract_months as (

    select
        first_contracts.legal_entity,
        months.period_start_date

    from first_contracts
    cross join first_booking
    inner join months
        on
            first_contracts.first_period_start_date <= months.period_start_date
            and first_booking.first_period_start_date <= months.period_start_date

),

-- What comes when its month is over, by whose side it is.
delivered_months as (

    select
        'ledger' as other_side,
        legal_entity,
        period_start_date

    from ledger_months

    union all

    select
        'bank' as other_side,
        legal_entity,
        period_start_date

    from bank_months

    union all

    select
        'contracts' as other_side,
        legal_entity,
        period_start_date

    from contract_months

),

first_ledger_months as (

    select
        legal_entity,
        min(period_start_date) as first_period_start_date

    from ledger_months
    group by 1

),

records_placed as (

    select
        records.*,
        tie_out_lines.measure,
        tie_out_lines.other_side,
        records.side = 'warehouse' and tie_out_lines.other_side = 'ledger'
            as is_held_against_ledger,
        coalesce(ledger_months.has_journal, false) as has_journal,
        first_ledger_months.first_period_start_date

    from records
    inner join tie_out_lines
        on records.line = tie_out_lines.line
    left join ledger_months
        on
            records.legal_entity = ledger_months.legal_entity
            and records.period_start_date = ledger_months.period_start_date
    left join first_ledger_months
        on records.legal_entity = first_ledger_months.legal_entity

),

-- Where a month has balances and no journal, its documents cannot be told apart; what a stock
-- held before the ledger's first month is one figure, its opening.
records_referred as (

    select
        * exclude (reference, period_start_date),
        reference as document_reference,
        period_start_date as document_period,
        case
            when
                is_held_against_ledger and measure = 'closing'
                and period_start_date < first_period_start_date
                then '(opening)'
            when is_held_against_ledger and not has_journal then '(balances)'
            else reference
        end as reference,
        case
            when is_held_against_ledger and measure = 'closing'
                then greatest(period_start_date, first_period_start_date)
            else period_start_date
        end as period_start_date

    from records_placed

),

-- Both sides of a document over all months: equal and of different months is a matter of time.
documents as (

    select
        line,
        legal_entity,
        currency,
        document_reference,
        sum(case when side = 'warehouse' then amount end) as warehouse_amount,
        sum(case when side = 'other' then amount end) as other_amount,
        count(*) filter (where side = 'warehouse') as warehouse_count,
        count(*) filter (where side = 'other') as other_count,
        bool_and(record_type = 'manual_journal') as is_manual,
        min(occurred_date) as first_date,
        min(document_currency) filter (where document_currency <> currency)
            as document_currency,
        max(document_period) filter (where record_type = 'voided')
            as voided_period_start_date

    from records_referred
    group by 1, 2, 3, 4

),

movements as (

    select
        line,
        measure,
        other_side,
        legal_entity,
        currency,
        reference,
        period_start_date,
        coalesce(sum(case when side = 'warehouse' then amount end), 0)
            as warehouse_amount,
        coalesce(sum(case when side = 'warehouse' then expected_amount end), 0)
            as expected_amount,
        coalesce(sum(case when side = 'other' then amount end), 0) as other_amount,
        sum(document_amount) filter (where document_currency <> currency)
            as document_amount,
        count(distinct record_id) filter (where side = 'warehouse') as warehouse_count,
        count(distinct record_id) filter (where side = 'other') as other_count

    from records_referred
    group by 1, 2, 3, 4, 5, 6, 7

),

line_keys as (

    select
        line,
        measure,
        other_side,
        legal_entity,
        currency,
        min(document_period) as first_period_start_date

    from records_referred
    group by 1, 2, 3, 4, 5

),

-- Every month of every line, and whether it can be judged: an open month, or one the ledger
-- has not delivered, is information and no difference.
line_months as (

    select
        line_keys.*,
        months.period_start_date,
        case
            when line_keys.other_side not in ('ledger', 'bank', 'contracts') then 'compared'
            when delivered_months.legal_entity is null then 'not_delivered'
            when last_day(months.period_start_date) > {{ as_of_date() }} then 'open_month'
            else 'compared'
        end as state

    from line_keys
    inner join months
        on line_keys.first_period_start_date <= months.period_start_date
    left join delivered_months
        on
            line_keys.other_side = delivered_months.other_side
            and line_keys.legal_entity = delivered_months.legal_entity
            and months.period_start_date = delivered_months.period_start_date

),

-- Flows of the month, stocks since the beginning: by document only where the sides ever differ.
differing_documents as (

    select distinct
        line,
        legal_entity,
        currency,
        reference

    from movements
    where warehouse_amount <> other_amount

),

positions as (

    select
        line_months.line,
        line_months.legal_entity,
        line_months.currency,
        line_months.period_start_date,
        movements.reference,
        sum(movements.warehouse_amount) as warehouse_amount,
        sum(movements.expected_amount) as expected_amount,
        sum(movements.other_amount) as other_amount,
        sum(movements.document_amount) as document_amount,
        sum(movements.warehouse_count) as warehouse_count,
        sum(movements.other_count) as other_count

    from movements
    inner join differing_documents
        on
            movements.line = differing_documents.line
            and movements.legal_entity = differing_documents.legal_entity
            and movements.currency = differing_documents.currency
            and movements.reference = differing_documents.reference
    inner join line_months
        on
            movements.line = line_months.line
            and movements.legal_entity = line_months.legal_entity
            and movements.currency = line_months.currency
            and (
                movements.period_start_date = line_months.period_start_date
                or (
                    movements.measure = 'closing'
                    and movements.period_start_date < line_months.period_start_date
                )
            )
    where line_months.state = 'compared'
    group by 1, 2, 3, 4, 5

),

differences as (

    select
        positions.*,
        positions.warehouse_amount - positions.other_amount as difference_amount,
        documents.warehouse_amount as document_warehouse_amount,
        documents.other_amount as document_other_amount,
        documents.document_currency,
        documents.first_date,
        documents.is_manual,
        documents.voided_period_start_date,
        abs(positions.warehouse_amount - positions.other_amount)
        <= {{ policy('recon_tolerance_minor_units') }}
        * cast(power(10, -currencies.exponent) as decimal(38, 4)) as is_tolerated

    from positions
    left join documents
        on
            positions.line = documents.line
            and positions.legal_entity = documents.legal_entity
            and positions.currency = documents.currency
            and positions.reference = documents.document_reference
    left join currencies
        on positions.currency = currencies.currency_id
    where positions.warehouse_amount <> positions.other_amount

),

-- The other side has what the document is worth at a rate known of its quarter, to the unit:
-- the ledger took another day's, or another kind of rate.
rates_taken as (

    select distinct
        differences.line,
        differences.legal_entity,
        differences.currency,
        differences.period_start_date,
        differences.reference

    from differences
    inner join currencies
        on differences.currency = currencies.currency_id
    inner join rates
        on
            differences.document_currency = rates.from_currency
            and differences.currency = rates.to_currency
            and rates.rate_date between differences.first_date - 92
            and last_day(differences.period_start_date)
    where
        differences.document_amount <> 0
        and differences.other_amount = {{ convert_money(
            'differences.document_amount', 'rates.rate', 'currencies.exponent'
        ) }}

),

differences_rated as (

    select
        differences.*,
        rates_taken.line is not null as is_known_rate

    from differences
    left join rates_taken
        on
            differences.line = rates_taken.line
            and differences.legal_entity = rates_taken.legal_entity
            and differences.currency = rates_taken.currency
            and differences.period_start_date = rates_taken.period_start_date
            and differences.reference = rates_taken.reference

),

differences_reasoned as (

    select
        *,
        case
            when is_tolerated then 'rounding'
            when reference in ('(balances)', '(opening)') then 'unexplained'
            when expected_amount = other_amount then 'timing'
            -- Equal over all months; booked and taken back is equal to never booked.
            when
                coalesce(document_warehouse_amount, 0) = coalesce(document_other_amount, 0)
                then 'timing'
            when
                warehouse_amount = 0 and period_start_date < voided_period_start_date
                then 'timing'
            when is_known_rate then 'fx'
            when is_manual then 'manual_entry'
            when document_other_amount is null then 'missing_in_ledger'
            when document_warehouse_amount is null then 'missing_in_warehouse'
            when
                other_count > 1 and expected_amount <> 0
                and sign(other_amount) = sign(expected_amount)
                and abs(other_amount) >= 2 * abs(expected_amount)
                and other_amount % expected_amount = 0
                then 'duplicate'
            when
                warehouse_count > 1 and other_amount <> 0
                and sign(warehouse_amount) = sign(other_amount)
                and abs(warehouse_amount) >= 2 * abs(other_amount)
                and warehouse_amount % other_amount = 0
                then 'duplicate'
            else 'unexplained'
        end as reason_code

    from differences_rated

),

differences_added_up as (

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        sum(warehouse_amount) as warehouse_amount,
        sum(other_amount) as other_amount

    from differences
    group by 1, 2, 3, 4

),

month_sums as (

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        coalesce(sum(case when side = 'warehouse' then amount end), 0) as warehouse_amount,
        coalesce(sum(case when side = 'other' then amount end), 0) as other_amount

    from records
    group by 1, 2, 3, 4

),

totals as (

    select
        line_months.line,
        line_months.legal_entity,
        line_months.currency,
        line_months.period_start_date,
        line_months.state,
        coalesce(sum(month_sums.warehouse_amount), 0) as warehouse_amount,
        coalesce(sum(month_sums.other_amount), 0) as other_amount

    from line_months
    left join month_sums
        on
            line_months.line = month_sums.line
            and line_months.legal_entity = month_sums.legal_entity
            and line_months.currency = month_sums.currency
            and (
                line_months.period_start_date = month_sums.period_start_date
                or (
                    line_months.measure = 'closing'
                    and line_months.period_start_date > month_sums.period_start_date
                )
            )
    group by 1, 2, 3, 4, 5

),

rows_stacked as (

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        'compared' as state,
        reference,
        reason_code,
        warehouse_amount,
        other_amount,
        difference_amount,
        reason_code in ('timing', 'rounding', 'fx') as is_proven

    from differences_reasoned

    union all

    -- What is left once the differences are taken out is equal on both sides.
    select
        totals.line,
        totals.legal_entity,
        totals.currency,
        totals.period_start_date,
        totals.state,
        '(agreed)' as reference,
        'agreed' as reason_code,
        totals.warehouse_amount - coalesce(differences_added_up.warehouse_amount, 0)
            as warehouse_amount,
        totals.other_amount - coalesce(differences_added_up.other_amount, 0)
            as other_amount,
        totals.warehouse_amount - coalesce(differences_added_up.warehouse_amount, 0)
        - (totals.other_amount - coalesce(differences_added_up.other_amount, 0))
            as difference_amount,
        true as is_proven

    from totals
    left join differences_added_up
        on
            totals.line = differences_added_up.line
            and totals.legal_entity = differences_added_up.legal_entity
            and totals.currency = differences_added_up.currency
            and totals.period_start_date = differences_added_up.period_start_date
    where totals.state = 'compared'

    union all

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        state,
        '(not compared)' as reference,
        state as reason_code,
        warehouse_amount,
        case when state = 'open_month' then other_amount end as other_amount,
        null as difference_amount,
        true as is_proven

    from totals
    where state <> 'compared'

)

select
    {{ surrogate_key([
        'line',
        'legal_entity',
        'currency',
        'period_start_date',
        'reference',
    ]) }} as tie_out_difference_id,
    line,
    legal_entity,
    currency,
    period_start_date,
    state,
    reference,
    reason_code,
    cast(warehouse_amount as decimal(38, 4)) as warehouse_amount,
    cast(other_amount as decimal(38, 4)) as other_amount,
    cast(difference_amount as decimal(38, 4)) as difference_amount,
    is_proven

from rows_stacked
