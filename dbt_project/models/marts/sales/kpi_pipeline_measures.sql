{%- set dimensions = [
    'rep_id', 'team_id', 'department_id', 'lead_source_group', 'campaign_id', 'channel',
    'platform', 'product_id', 'segment', 'stage', 'customer_type', 'legal_entity',
] -%}
with

opportunity_states as (

    select * from {{ ref('fct_opportunity_states') }}
    where is_sales_pipeline and status = 'open'

),

dates as (

    select * from {{ ref('dim_dates') }}
    where is_stock_day

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'stock'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- A stock: one contribution per open deal and day, at the end of the company's day.
open_days as (

    select
        opportunity_states.*,
        dates.date_day as report_date

    from opportunity_states
    inner join dates
        on dates.date_day between opportunity_states.first_date and opportunity_states.last_date

),

-- A deal without an amount adds nothing. An amount that nobody knows any more (no history)
-- is NULL and makes the day's sum unknown.
open_days_converted as (

    select
        open_days.*,
        currencies.currency_id as presentation_currency,
        case when open_days.is_amount_known then coalesce(open_days.amount, 0) end
            as own_amount,
        case
            when open_days.amount is null and open_days.is_amount_known then 0
            else
                {{ convert_money('open_days.amount', 'rates.rate', 'currencies.exponent') }}
        end as converted_amount

    from open_days
    cross join currencies
    left join rates
        on
            open_days.report_date = rates.rate_date
            and open_days.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

contributions as (

    {{ contribution(
        'active_deals', of='open_days', day='report_date', numerator=1, by=dimensions,
    ) }}
    union all
    -- The denominator counts deals with an amount: a sum of none at all is unknown, not 0.
    {{ contribution(
        'open_pipeline_value', of='open_days_converted', day='report_date',
        currency='presentation_currency', original_amount='own_amount',
        numerator='converted_amount',
        denominator='case when is_amount_known then (amount is not null)::integer end',
        by=dimensions,
    ) }}

)

{{ sum_contributions('contributions') }}
