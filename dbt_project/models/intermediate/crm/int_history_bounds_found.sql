with

leads as (

    select * from {{ ref('int_leads_unioned') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

activities as (

    select * from {{ ref('int_activities_unioned') }}

),

ad_days as (

    select * from {{ ref('int_ad_performance_unioned') }}

),

stripe_invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

file_invoices as (

    select * from {{ ref('stg_files__invoices') }}

),

file_items as (

    select * from {{ ref('stg_files__subscription_items') }}

),

file_payments as (

    select * from {{ ref('stg_files__payments') }}

),

file_refunds as (

    select * from {{ ref('stg_files__refunds') }}

),

file_credit_notes as (

    select * from {{ ref('stg_files__credit_notes') }}

),

first_days as (

    select min({{ report_date('created_at') }}) as first_date from leads
    union all
    select min({{ report_date('created_at') }}) as first_date from opportunities
    union all
    select min({{ report_date('occurred_at') }}) as first_date from activities
    union all
    select min(report_date) as first_date from ad_days
    union all
    select min({{ report_date('created_at') }}) as first_date from stripe_invoices
    union all
    select min({{ report_date('finalized_at') }}) as first_date from file_invoices
    union all
    select min({{ report_date('valid_from') }}) as first_date from file_items
    union all
    -- An export may hold the money and not the invoices it is for.
    select min({{ report_date('paid_at') }}) as first_date from file_payments
    union all
    select min({{ report_date('refunded_at') }}) as first_date from file_refunds
    union all
    select min({{ report_date('issued_at') }}) as first_date from file_credit_notes

)

select
    -- One mistyped year must not build a calendar from the year 1.
    greatest(
        coalesce(min(first_date), {{ as_of_date() }}),
        {{ as_of_date() }} - interval 20 year
    )::date as first_date,
    {{ as_of_date() }} as as_of_date

from first_days
