with

leads as (

    select * from {{ ref('fct_leads') }}
    where conversion_days is not null

),

closes as (

    select * from {{ ref('fct_opportunity_closes') }}
    where amount > 0 and term_months > 0

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where currency_id = '{{ var("reporting_currency") }}'

),

limits as (

    select * from {{ ref('dim_conversion_limits') }}

),

priced as (

    select
        leads.lead_id,
        leads.won_date,
        leads.conversion_days,
        leads.won_owner_id,
        leads.won_owner_team_id,
        leads.won_owner_department_id,
        leads.lead_source_group,
        leads.campaign_id,
        leads.channel,
        leads.platform,
        leads.segment,
        leads.legal_entity,
        closes.term_months,
        {{ convert_money('closes.amount', 'rates.rate', 'currencies.exponent') }}
            as converted_amount

    from leads
    inner join closes
        on leads.won_opportunity_id = closes.opportunity_id
    cross join currencies
    left join rates
        on
            closes.closed_date = rates.rate_date
            and closes.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

)

select
    priced.* exclude (converted_amount, term_months),
    limits.max_days,
    priced.conversion_days > limits.max_days as is_long_for_price

from priced
inner join limits
    on
        priced.converted_amount
        > coalesce(limits.monthly_price_above, -1) * priced.term_months
        and (
            limits.monthly_price_up_to is null
            or priced.converted_amount <= limits.monthly_price_up_to * priced.term_months
        )
