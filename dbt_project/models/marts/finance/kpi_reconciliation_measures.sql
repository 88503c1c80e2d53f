{%- set records = {
    'gaps_converted': ["'reconciliation'", 'tie_out_difference_id'],
} -%}
{{ config(meta={'records': records}) }}

with

judged as (

    select * from {{ ref('fct_tie_out_judged') }}

),

tie_out_lines as (

    select * from {{ ref('dim_tie_out_lines') }}
    where blocks_close

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'stock'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- Amounts without their sign: two differences that cancel out are two.
gaps_converted as (

    select
        judged.tie_out_difference_id,
        {{ stated_month_start('judged.period_start_date') }} as report_date,
        judged.legal_entity,
        judged.currency,
        abs(judged.difference_amount) as gap_amount,
        currencies.currency_id as presentation_currency,
        {{ convert_money(
            'abs(judged.difference_amount)', 'rates.rate', 'currencies.exponent'
        ) }} as converted_amount

    from judged
    inner join tie_out_lines
        on judged.line = tie_out_lines.line
    cross join currencies
    left join rates
        on
            judged.period_start_date = rates.rate_date
            and judged.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency
    where not judged.is_explained

),

contributions as (

    {{ contribution(
        'recon_difference', of='gaps_converted', day='report_date',
        currency='presentation_currency', original_amount='gap_amount',
        numerator='converted_amount', by=['legal_entity'],
    ) }}

)

{{ sum_contributions('contributions') }}
