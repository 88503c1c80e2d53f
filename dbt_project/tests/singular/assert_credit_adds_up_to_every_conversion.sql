-- Conversions whose weights do not add to exactly 1, or whose credited amounts do not add to
-- the conversion's amount to the minor unit, under any attribution model; and published months
-- in which attributed revenue is not sales bookings, or attributed leads are not leads created.
with

credits as (

    select * from {{ ref('fct_attribution_credits') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}
    where basis = 'current' and grain = 'month' and breakdown = 'total'

),

conversions_summed as (

    select
        credits.conversion_type,
        credits.conversion_id,
        credits.attribution_model,
        sum(credits.credit_weight) as credit_weight,
        sum(credits.credited_amount) as credited_amount,
        any_value({{ convert_money('credits.conversion_amount', '1', 'currencies.exponent') }})
            as conversion_amount

    from credits
    left join currencies
        on credits.currency = currencies.currency_id
    group by 1, 2, 3

),

wholes_published as (

    select
        attributed.kpi_key,
        attributed.variant,
        attributed.period_start_date,
        attributed.value,
        wholes.value as whole

    from kpi_values as attributed
    inner join kpi_values as wholes
        on
            attributed.period_start_date = wholes.period_start_date
            and attributed.currency is not distinct from wholes.currency
            and wholes.variant = 'standard'
            and case attributed.kpi_key
                when 'attributed_revenue' then 'sales_bookings'
                when 'attributed_leads' then 'leads_created'
            end = wholes.kpi_key
    -- A company without leads or touches has bookings all the same.
    where not list_contains(attributed.flag, 'no_source')

)

select
    conversion_type || ':' || conversion_id as subject,
    attribution_model as variant,
    credit_weight || ' ' || coalesce(credited_amount::varchar, '') as found,
    coalesce(conversion_amount::varchar, '') as whole

from conversions_summed
where credit_weight <> 1 or credited_amount is distinct from conversion_amount
union all
select
    kpi_key || ' ' || period_start_date as subject,
    variant,
    coalesce(value::varchar, '') as found,
    coalesce(whole::varchar, '') as whole

from wholes_published
where value is distinct from whole
