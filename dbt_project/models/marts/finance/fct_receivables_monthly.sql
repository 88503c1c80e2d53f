{%- set types = ['billed', 'tax', 'cash', 'credited', 'written_off'] -%}
with

events as (

    select * from {{ ref('fct_receivable_events') }}

),

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

months as (

    select distinct
        month_start_date,
        month_end_date,
        least(month_end_date, {{ as_of_date() }}) as closing_date

    from {{ ref('dim_dates') }}
    where month_start_date <= {{ as_of_date() }}

),

event_months as (

    select
        receivable_id,
        currency,
        {{ month_start('event_date') }} as month_start_date,
        {%- for type in types %}
            {{ '' if type in ['billed', 'tax'] else '-' }}coalesce(
                sum(amount) filter (where event_type = '{{ type }}'), 0
            ) as {{ type }}_amount,
        {%- endfor %}
        sum(amount) as change_amount

    from events
    group by 1, 2, 3

),

-- What is left runs on until the next month something happens: no row per month in between yet.
balances as (

    select
        *,
        sum(change_amount) over (
            partition by receivable_id, currency
            order by month_start_date
        ) as balance_amount,
        lead(month_start_date) over (
            partition by receivable_id, currency
            order by month_start_date
        ) as next_month_start_date

    from event_months

),

-- A month between two events, and those since the last one, while something is left.
months_open as (

    select
        balances.receivable_id,
        balances.currency,
        months.month_start_date,
        months.month_end_date,
        months.closing_date,
        balances.balance_amount,
        {%- for type in types %}
            case
                when months.month_start_date = balances.month_start_date
                    then balances.{{ type }}_amount
                else 0
            end as {{ type }}_amount,
        {%- endfor %}
        case
            when months.month_start_date = balances.month_start_date
                then balances.balance_amount - balances.change_amount
            else balances.balance_amount
        end as opening_amount

    from balances
    inner join months
        on
            balances.month_start_date <= months.month_start_date
            and coalesce(balances.next_month_start_date > months.month_start_date, true)
            and (
                balances.balance_amount <> 0
                or balances.month_start_date = months.month_start_date
            )

),

receivables as (

    select
        receivable_id,
        currency,
        any_value(invoice_id) as invoice_id,
        any_value(customer_id) as customer_id,
        any_value(legal_entity) as legal_entity,
        min(event_date) as first_date

    from events
    group by 1, 2

),

-- Without a due date an invoice is due when it is issued.
receivables_due as (

    select
        receivables.*,
        coalesce({{ report_date('invoices.due_at') }}, receivables.first_date) as due_date

    from receivables
    left join invoices
        on receivables.invoice_id = invoices.invoice_id

),

months_aged as (

    select
        months_open.*,
        receivables_due.invoice_id,
        receivables_due.customer_id,
        receivables_due.legal_entity,
        receivables_due.due_date,
        months_open.closing_date - receivables_due.due_date as overdue_days

    from months_open
    inner join receivables_due
        on
            months_open.receivable_id = receivables_due.receivable_id
            and months_open.currency = receivables_due.currency

)

select
    {{ surrogate_key(['receivable_id', 'currency', 'month_start_date']) }}
        as receivable_month_id,
    receivable_id,
    invoice_id,
    customer_id,
    legal_entity,
    month_start_date,
    closing_date,
    closing_date < month_end_date as is_partial,
    due_date,
    case
        when balance_amount = 0 then 'settled'
        when balance_amount < 0 then 'credit_balance'
        when overdue_days <= 0 then 'not_due'
        when overdue_days <= 30 then 'overdue_1_30'
        when overdue_days <= 60 then 'overdue_31_60'
        when overdue_days <= 90 then 'overdue_61_90'
        else 'overdue_over_90'
    end as ageing_bucket,
    currency as original_currency,
    cast(opening_amount as decimal(38, 4)) as opening_original_amount,
    {%- for type in types %}
        cast({{ type }}_amount as decimal(38, 4)) as {{ type }}_original_amount,
    {%- endfor %}
    cast(balance_amount as decimal(38, 4)) as closing_original_amount,
    '{{ var("build_id") }}' as build_id

from months_aged
