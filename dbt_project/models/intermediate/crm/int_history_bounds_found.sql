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

)

select
    -- One mistyped year must not build a calendar from the year 1.
    greatest(
        coalesce(min(first_date), {{ as_of_date() }}),
        {{ as_of_date() }} - interval 20 year
    )::date as first_date,
    {{ as_of_date() }} as as_of_date

from first_days
