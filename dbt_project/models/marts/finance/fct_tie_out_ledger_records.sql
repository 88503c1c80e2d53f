with

tie_out_lines as (

    select * from {{ ref('dim_tie_out_lines') }}

),

all_balances as (

    select * from {{ ref('fct_gl_balances') }}

),

balances as (

    select * from all_balances
    where not is_parent and ledger_line is not null

),

entries as (

    select * from {{ ref('fct_gl_entries') }}
    where ledger_line is not null

),

ledger_components as (

    select
        line,
        measure,
        unnest(string_split(ledger_lines, '|')) as ledger_line

    from tie_out_lines
    where other_side = 'ledger'

),

-- The journal, document by document.
journal_entries as (

    select
        ledger_components.line,
        entries.legal_entity,
        entries.currency,
        entries.period_start_date,
        entries.posted_date as occurred_date,
        coalesce(
            entries.document_id, entries.document_ref, 'journal:' || entries.journal_id
        ) as reference,
        case when entries.document_ref is null then 'manual_journal' else 'journal' end
            as record_type,
        entries.journal_id || '/' || entries.line_no as record_id,
        entries.sign * (entries.debit_amount - entries.credit_amount) as amount,
        entries.source_ref,
        entries.batch_id

    from ledger_components
    inner join entries
        on ledger_components.ledger_line = entries.ledger_line

),

journal_totals as (

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        sum(amount) as amount

    from journal_entries
    group by 1, 2, 3, 4

),

-- Balances say what a month moved; for a stock its first month brings the opening along.
balance_months as (

    select
        ledger_components.line,
        ledger_components.measure,
        balances.legal_entity,
        balances.currency,
        balances.period_start_date,
        sum(balances.sign * balances.opening_amount) as opening_amount,
        sum(balances.sign * (balances.debit_amount - balances.credit_amount))
            as movement_amount,
        sum(balances.sign * balances.closing_amount) as closing_amount,
        string_agg(distinct balances.account_code, ', ' order by balances.account_code)
            as account_codes,
        min(balances.source_ref) as source_ref,
        min(balances.batch_id) as batch_id

    from ledger_components
    inner join balances
        on ledger_components.ledger_line = balances.ledger_line
    group by 1, 2, 3, 4, 5

),

balance_steps as (

    select
        *,
        lag(closing_amount) over (
            partition by line, legal_entity, currency
            order by period_start_date
        ) as previous_closing_amount

    from balance_months

),

-- What the balances hold beyond the journal: nothing, where the ledger adds up.
balance_rest as (

    select
        coalesce(balance_steps.line, journal_totals.line) as line,
        coalesce(balance_steps.legal_entity, journal_totals.legal_entity) as legal_entity,
        coalesce(balance_steps.currency, journal_totals.currency) as currency,
        coalesce(balance_steps.period_start_date, journal_totals.period_start_date)
            as period_start_date,
        balance_steps.account_codes,
        balance_steps.source_ref,
        balance_steps.batch_id,
        coalesce(
            case balance_steps.measure
                when 'closing'
                    then
                        balance_steps.closing_amount - coalesce(
                            balance_steps.previous_closing_amount,
                            balance_steps.opening_amount
                        )
                else balance_steps.movement_amount
            end,
            0
        ) - coalesce(journal_totals.amount, 0) as amount

    from balance_steps
    full outer join journal_totals
        on
            balance_steps.line = journal_totals.line
            and balance_steps.legal_entity = journal_totals.legal_entity
            and balance_steps.currency = journal_totals.currency
            and balance_steps.period_start_date = journal_totals.period_start_date

),

-- A journal of a month without balances stands alone.
months_with_balances as (

    select distinct
        legal_entity,
        period_start_date

    from all_balances

),

balance_rest_delivered as (

    select balance_rest.*
    from balance_rest
    inner join months_with_balances
        on
            balance_rest.legal_entity = months_with_balances.legal_entity
            and balance_rest.period_start_date = months_with_balances.period_start_date
    where balance_rest.amount <> 0

),

-- A parent exported beside its children never counts; it must be their sum.
parents_compared as (

    select
        parents.legal_entity,
        parents.currency,
        parents.period_start_date,
        parents.account_code,
        parents.debit_amount - parents.credit_amount as parent_amount,
        sum(children.debit_amount - children.credit_amount) as children_amount,
        min(parents.source_ref) as source_ref,
        min(parents.batch_id) as batch_id

    from all_balances as parents
    inner join all_balances as children
        on
            parents.legal_entity = children.legal_entity
            and parents.currency = children.currency
            and parents.period_start_date = children.period_start_date
            and starts_with(children.account_code, parents.account_code)
            and not children.is_parent
    where parents.is_parent
    group by 1, 2, 3, 4, 5

),

records_stacked as (

    select
        line,
        'other' as side,
        legal_entity,
        currency,
        occurred_date,
        reference,
        record_type,
        record_id,
        amount,
        amount as expected_amount,
        source_ref,
        batch_id,
        period_start_date

    from journal_entries

    union all

    select
        line,
        'other' as side,
        legal_entity,
        currency,
        period_start_date as occurred_date,
        '(balances)' as reference,
        'balance' as record_type,
        account_codes as record_id,
        amount,
        amount as expected_amount,
        source_ref,
        batch_id,
        period_start_date

    from balance_rest_delivered

    union all

    select
        'ledger_sums' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        period_start_date as occurred_date,
        account_code as reference,
        'balance' as record_type,
        account_code as record_id,
        children_amount as amount,
        children_amount as expected_amount,
        source_ref,
        batch_id,
        period_start_date

    from parents_compared

    union all

    select
        'ledger_sums' as line,
        'other' as side,
        legal_entity,
        currency,
        period_start_date as occurred_date,
        account_code as reference,
        'balance' as record_type,
        account_code as record_id,
        parent_amount as amount,
        parent_amount as expected_amount,
        source_ref,
        batch_id,
        period_start_date

    from parents_compared

    union all

    select
        line,
        'other' as side,
        legal_entity,
        currency,
        period_start_date as occurred_date,
        '(opening)' as reference,
        'balance' as record_type,
        account_codes as record_id,
        opening_amount as amount,
        opening_amount as expected_amount,
        source_ref,
        batch_id,
        period_start_date

    from balance_steps
    where
        measure = 'closing' and previous_closing_amount is null and opening_amount <> 0

)

select * from records_stacked
