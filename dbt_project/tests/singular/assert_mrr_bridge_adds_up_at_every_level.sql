-- The bridge closes per customer, currency and in total, on every basis; a month opens where the
-- one before it closed; causes add up to their movement; customers add up to the company.
with

bridge as (

    select * from {{ ref('rpt_mrr_bridge') }}

),

members_off as (

    select
        amount_basis,
        breakdown,
        member_id,
        currency,
        month_start_date,
        unnest([
            opening_amount + new_amount + expansion_amount + reactivation_amount
            - contraction_amount - churned_amount + fx_amount - closing_amount,
            expansion_amount - expansion_currency_amount - expansion_subscription_amount
            - expansion_plan_amount - expansion_quantity_amount - expansion_price_amount
            - expansion_discount_amount,
            contraction_amount - contraction_currency_amount - contraction_subscription_amount
            - contraction_plan_amount - contraction_quantity_amount - contraction_price_amount
            - contraction_discount_amount,
            case when amount_basis = 'presentation' then 0 else fx_amount end
        ]) as difference

    from bridge

),

-- A member without a row paid nothing in the month, nor at its start.
months_off as (

    select
        earlier.amount_basis,
        earlier.breakdown,
        earlier.member_id,
        earlier.currency,
        earlier.month_start_date,
        coalesce(later.opening_amount, 0) - earlier.closing_amount as difference

    from bridge as earlier
    left join bridge as later
        on
            earlier.amount_basis = later.amount_basis
            and earlier.breakdown = later.breakdown
            and earlier.member_id = later.member_id
            and earlier.currency = later.currency
            and earlier.closing_date + 1 = later.month_start_date
    where not earlier.is_partial and earlier.closing_date < {{ as_of_date() }}

),

summed as (

    select
        amount_basis,
        breakdown,
        currency,
        month_start_date,
        sum(closing_amount) as closing_amount,
        sum(new_amount + reactivation_amount + expansion_amount) as gained_amount,
        sum(contraction_amount + churned_amount) as lost_amount,
        sum(fx_amount) as fx_amount

    from bridge
    group by 1, 2, 3, 4

),

levels_off as (

    select
        customers.amount_basis,
        currencies.breakdown,
        '(all)' as member_id,
        customers.currency,
        customers.month_start_date,
        unnest([
            currencies.closing_amount - customers.closing_amount,
            currencies.gained_amount - customers.gained_amount,
            currencies.lost_amount - customers.lost_amount,
            currencies.fx_amount - customers.fx_amount
        ]) as difference

    from summed as customers
    inner join summed as currencies
        on
            customers.breakdown = 'customer'
            and currencies.breakdown <> 'customer'
            and customers.amount_basis = currencies.amount_basis
            and customers.currency = currencies.currency
            and customers.month_start_date = currencies.month_start_date

),

found as (

    select * from members_off
    union all
    select * from months_off
    union all
    select * from levels_off

)

-- An unknown part (no rate) is another check's business.
select * from found
where difference <> 0
