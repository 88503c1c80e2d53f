{#- In which currency a line is held until it is presented: in that of the entity's books at the
    rate of its invoice, or in its own, so that every month end revalues it (D-562). -#}
{%- set held = 'original' if policy('deferred_fx') == 'closing_rate' else 'functional' -%}
with

deferred_months as (

    select * from {{ ref('fct_deferred_revenue_monthly') }}

),

credits as (

    select * from {{ ref('int_revenue_credits_shared') }}
    where voided_date is null

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

monthly_rates as (

    select * from {{ ref('fct_fx_rates_monthly') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- Credits fall on their own days, several in a month perhaps.
credits_converted as (

    select
        credits.revenue_event_id,
        {{ month_start('credits.credited_date') }} as month_start_date,
        currencies.currency_id as currency,
        case
            when count(rates.rate) = count(*)
                then
                    sum({{ convert_money(
                        'credits.credit_amount', 'rates.rate', 'currencies.exponent'
                    ) }})
        end as credited_amount

    from credits
    cross join currencies
    inner join deferred_months
        on
            credits.revenue_event_id = deferred_months.revenue_event_id
            and {{ month_start('credits.credited_date') }} = deferred_months.month_start_date
    left join rates
        on
            rates.rate_purpose = 'flow'
            and credits.credited_date = rates.rate_date
            and deferred_months.original_currency = rates.from_currency
            and currencies.currency_id = rates.to_currency
    where credits.credited_date <= {{ as_of_date() }}
    group by 1, 2, 3

),

months_converted as (

    select
        deferred_months.*,
        currencies.currency_id as currency,
        {%- for name, amount, rate in [
            ('opening', 'opening_' ~ held ~ '_amount', 'opening_rates.rate'),
            ('billed', 'billed_original_amount', 'billing_rates.rate'),
            ('recognised', 'recognised_' ~ held ~ '_amount', 'monthly_rates.rate'),
            ('closing', 'closing_' ~ held ~ '_amount', 'closing_rates.rate'),
        ] %}
            -- Nothing is nothing at any rate.
            case
                when deferred_months.{{ amount }} = 0 then 0
                else
                    {{ convert_money(
                        'deferred_months.' ~ amount, rate, 'currencies.exponent'
                    ) }}
            end as {{ name }}_amount,
        {%- endfor %}
        case
            when deferred_months.credited_original_amount = 0 then 0
            else credits_converted.credited_amount
        end as credited_amount

    from deferred_months
    cross join currencies
    left join credits_converted
        on
            deferred_months.revenue_event_id = credits_converted.revenue_event_id
            and deferred_months.month_start_date = credits_converted.month_start_date
            and currencies.currency_id = credits_converted.currency
    left join rates as opening_rates
        on
            opening_rates.rate_purpose = 'stock'
            and deferred_months.month_start_date - 1 = opening_rates.rate_date
            and deferred_months.{{ held }}_currency = opening_rates.from_currency
            and currencies.currency_id = opening_rates.to_currency
    left join rates as closing_rates
        on
            closing_rates.rate_purpose = 'stock'
            and deferred_months.closing_date = closing_rates.rate_date
            and deferred_months.{{ held }}_currency = closing_rates.from_currency
            and currencies.currency_id = closing_rates.to_currency
    left join rates as billing_rates
        on
            billing_rates.rate_purpose = 'flow'
            and deferred_months.billed_date = billing_rates.rate_date
            and deferred_months.original_currency = billing_rates.from_currency
            and currencies.currency_id = billing_rates.to_currency
    left join monthly_rates
        on
            deferred_months.month_start_date = monthly_rates.month_start_date
            and deferred_months.{{ held }}_currency = monthly_rates.from_currency
            and currencies.currency_id = monthly_rates.to_currency

)

select
    *,
    closing_amount - opening_amount - billed_amount + credited_amount + recognised_amount
        as fx_amount

from months_converted
