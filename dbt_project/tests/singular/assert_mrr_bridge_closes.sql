-- Opening plus every movement plus FX is the closing, per customer, currency and month, to
-- the minor unit; and one month's closing is the next one's opening.
with

months as (

    select * from {{ ref('fct_mrr_monthly') }}

),

customers_off as (

    select
        customer_id,
        currency,
        month_start_date,
        opening_mrr_amount + new_mrr_amount + expansion_mrr_amount
        + reactivation_mrr_amount - contraction_mrr_amount - churned_mrr_amount
        + fx_mrr_amount - closing_mrr_amount as difference

    from months

),

company_by_month as (

    select
        currency,
        month_start_date,
        opening_date,
        closing_date,
        sum(opening_mrr_amount) as opening_amount,
        sum(closing_mrr_amount) as closing_amount

    from months
    group by 1, 2, 3, 4

),

months_off as (

    select
        '(company)' as customer_id,
        later.currency,
        later.month_start_date,
        later.opening_amount - earlier.closing_amount as difference

    from company_by_month as later
    inner join company_by_month as earlier
        on
            later.currency = earlier.currency
            and earlier.closing_date = later.opening_date

)

-- An unknown part (no rate) is another check's business.
select * from customers_off
where difference <> 0
union all
select * from months_off
where difference <> 0
