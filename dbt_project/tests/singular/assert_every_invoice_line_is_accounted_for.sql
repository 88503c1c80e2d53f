-- Rows and money of invoice lines and credit notes: what staging holds is what the mart
-- shows plus what was left out for a stated reason, per source, account and currency.
with

stripe_lines as (

    select * from {{ ref('stg_stripe__invoice_lines') }}

),

stripe_credit_notes as (

    select * from {{ ref('stg_stripe__credit_notes') }}

),

file_lines as (

    select * from {{ ref('stg_files__invoice_lines') }}

),

file_credit_notes as (

    select * from {{ ref('stg_files__credit_notes') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

classified as (

    select * from {{ ref('int_revenue_events_classified') }}

),

revenue as (

    select * from {{ ref('fct_invoice_lines') }}

),

staged_minor as (

    select
        source_name,
        source_account,
        currency,
        amount_minor - coalesce(discount_minor, 0) as net_minor

    from stripe_lines
    union all
    select
        source_name,
        source_account,
        currency,
        -subtotal_minor as net_minor

    from stripe_credit_notes

),

staged as (

    select
        staged_minor.source_name,
        staged_minor.source_account,
        staged_minor.currency,
        count(*) as row_count,
        sum(staged_minor.net_minor * currency_exponents.stripe_minor_unit_amount)
            as net_amount

    from staged_minor
    left join currency_exponents
        on staged_minor.currency = currency_exponents.currency
    group by 1, 2, 3
    union all
    select
        source_name,
        source_account,
        currency,
        count(*) as row_count,
        sum(amount) as net_amount

    from file_lines
    group by 1, 2, 3
    union all
    select
        source_name,
        source_account,
        currency,
        count(*) as row_count,
        -sum(amount) as net_amount

    from file_credit_notes
    group by 1, 2, 3

),

accounted as (

    select
        source_name,
        source_account,
        currency,
        count(*) as row_count,
        sum(net_amount) as net_amount

    from revenue
    group by 1, 2, 3
    union all
    select
        source_name,
        source_account,
        currency,
        count(*) as row_count,
        sum(net_amount) as net_amount

    from classified
    where exclusion_reason is not null
    group by 1, 2, 3

),

both_sides as (

    select
        source_name,
        source_account,
        currency,
        row_count,
        net_amount

    from staged
    union all
    select
        source_name,
        source_account,
        currency,
        -row_count as row_count,
        -net_amount as net_amount

    from accounted

)

select
    source_name,
    source_account,
    currency,
    sum(row_count) as row_difference,
    sum(net_amount) as amount_difference

from both_sides
group by 1, 2, 3
having sum(row_count) <> 0 or coalesce(sum(net_amount), 0) <> 0
