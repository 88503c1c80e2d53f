-- Opening + billed + tax - cash - credited - written off (+ FX) is the closing, by invoice and by
-- legal entity; a month opens where the one before closed; ages add up to the closing; and what
-- moved is what the facts of invoices, credit notes and cash say.
with

months as (

    select * from {{ ref('fct_receivables_monthly') }}

),

receivables as (

    select * from {{ ref('rpt_receivables') }}

),

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

cash_transactions as (

    select * from {{ ref('fct_cash_transactions') }}

),

months_off as (

    select
        receivable_id as subject,
        month_start_date,
        unnest([
            opening_original_amount + billed_original_amount + tax_original_amount
            - cash_original_amount - credited_original_amount - written_off_original_amount
            - closing_original_amount,
            opening_original_amount - lag(closing_original_amount, 1, 0) over (
                partition by receivable_id, original_currency
                order by month_start_date
            ),
            -- What is owed does not vanish between two months.
            case
                when
                    closing_original_amount <> 0
                    and lead(month_start_date) over (
                        partition by receivable_id, original_currency
                        order by month_start_date
                    ) <> {{ month_start('(closing_date + 1)') }}
                    then closing_original_amount
                else 0
            end
        ]) as difference

    from months

),

receivables_off as (

    select
        legal_entity || ' ' || original_currency || ' in ' || currency as subject,
        month_start_date,
        unnest([
            opening_original_amount + billed_original_amount + tax_original_amount
            - cash_original_amount - credited_original_amount - written_off_original_amount
            - closing_original_amount,
            opening_amount + billed_amount + tax_amount - cash_amount - credited_amount
            - written_off_amount + fx_amount - closing_amount,
            closing_original_amount - not_due_original_amount - overdue_1_30_original_amount
            - overdue_31_60_original_amount - overdue_61_90_original_amount
            - overdue_over_90_original_amount - credit_balance_original_amount,
            closing_amount - not_due_amount - overdue_1_30_amount - overdue_31_60_amount
            - overdue_61_90_amount - overdue_over_90_amount - credit_balance_amount,
            case when original_currency = currency then fx_amount else 0 end
        ]) as difference

    from receivables

),

sums as (

    select
        legal_entity || ' ' || original_currency as subject,
        sum(billed_original_amount) as billed_amount,
        sum(tax_original_amount) as tax_amount,
        sum(cash_original_amount) as cash_amount

    from months
    group by 1

),

line_sums as (

    select
        legal_entity || ' ' || currency as subject,
        sum(case when event_type = 'invoice_line' then net_amount else 0 end) as billed_amount,
        sum(case when event_type = 'invoice_line' then coalesce(tax_amount, 0) else 0 end)
            as tax_amount

    from invoice_lines
    group by 1

),

cash_sums as (

    select
        legal_entity || ' ' || currency as subject,
        sum(amount) as cash_amount

    from cash_transactions
    group by 1

),

sums_off as (

    select
        coalesce(sums.subject, line_sums.subject, cash_sums.subject) as subject,
        cast(null as date) as month_start_date,
        unnest([
            coalesce(sums.billed_amount, 0) - coalesce(line_sums.billed_amount, 0),
            coalesce(sums.tax_amount, 0) - coalesce(line_sums.tax_amount, 0),
            coalesce(sums.cash_amount, 0) - coalesce(cash_sums.cash_amount, 0)
        ]) as difference

    from sums
    full outer join line_sums
        on sums.subject = line_sums.subject
    full outer join cash_sums
        on coalesce(sums.subject, line_sums.subject) = cash_sums.subject

),

found as (

    select * from months_off
    union all
    select * from receivables_off
    union all
    select * from sums_off

)

-- An unknown part (no rate) is another check's business.
select * from found
where difference <> 0
