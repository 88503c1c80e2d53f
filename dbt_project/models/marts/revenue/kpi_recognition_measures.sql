with

deferred_months as (

    select
        product_id,
        legal_entity,
        closing_date,
        original_currency as currency,
        currency as presentation_currency,
        recognised_original_amount,
        recognised_amount,
        closing_original_amount,
        closing_amount

    from {{ ref('fct_deferred_revenue_presented') }}

),

cash_transactions as (

    select * from {{ ref('fct_cash_transactions') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

cash_converted as (

    select
        cash_transactions.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('cash_transactions.amount', 'rates.rate', 'currencies.exponent') }}
            as converted_amount

    from cash_transactions
    cross join currencies
    left join rates
        on
            cash_transactions.report_date = rates.rate_date
            and cash_transactions.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

contributions as (

    {{ contribution(
        'recognised_revenue', of='deferred_months', day='closing_date',
        where='recognised_original_amount <> 0', currency='presentation_currency',
        original_amount='recognised_original_amount', numerator='recognised_amount',
        by=['product_id', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'deferred_revenue_closing', of='deferred_months', day='closing_date',
        where='closing_original_amount <> 0', currency='presentation_currency',
        original_amount='closing_original_amount', numerator='closing_amount',
        by=['product_id', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'cash_collected', of='cash_converted', day='report_date',
        currency='presentation_currency', original_amount='amount',
        numerator='converted_amount', by=['legal_entity'],
    ) }}

)

{{ sum_contributions('contributions') }}
