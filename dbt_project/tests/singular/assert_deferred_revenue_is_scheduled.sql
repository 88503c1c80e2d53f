-- Everything deferred on the as-of day has a month it will be recognised in, to the minor unit, in
-- the currency of the invoices and of the books.
with

lines as (

    select * from {{ ref('fct_deferred_revenue_monthly') }}

),

schedule as (

    select * from {{ ref('fct_deferred_revenue_schedule') }}

),

deferred as (

    select
        legal_entity,
        original_currency,
        sum(billed_original_amount - credited_original_amount - recognised_original_amount)
            as original_amount,
        sum(billed_functional_amount - credited_functional_amount - recognised_functional_amount)
            as functional_amount

    from lines
    group by 1, 2

),

scheduled as (

    select
        legal_entity,
        original_currency,
        sum(to_recognise_original_amount) as original_amount,
        sum(to_recognise_functional_amount) as functional_amount

    from schedule
    group by 1, 2

),

compared as (

    select
        coalesce(deferred.legal_entity, scheduled.legal_entity) as legal_entity,
        coalesce(deferred.original_currency, scheduled.original_currency) as original_currency,
        coalesce(deferred.original_amount, 0) - coalesce(scheduled.original_amount, 0)
            as original_difference,
        -- Without a rate both are unknown: another check's business.
        deferred.functional_amount - scheduled.functional_amount as functional_difference

    from deferred
    full outer join scheduled
        on
            deferred.legal_entity = scheduled.legal_entity
            and deferred.original_currency = scheduled.original_currency

)

select * from compared
where original_difference <> 0 or functional_difference <> 0
