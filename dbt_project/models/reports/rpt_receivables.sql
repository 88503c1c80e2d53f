{%- set types = ['billed', 'tax', 'cash', 'credited', 'written_off'] -%}
{%- set buckets = [
    'not_due', 'overdue_1_30', 'overdue_31_60', 'overdue_61_90', 'overdue_over_90',
    'credit_balance',
] -%}
with

events as (

    select * from {{ ref('fct_receivable_events') }}

),

receivable_months as (

    select * from {{ ref('fct_receivables_monthly') }}

),

legal_entities as (

    select * from {{ ref('dim_legal_entities') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

-- Shown in every presentation currency, and in the currency of the entity's books.
shown as (

    select
        legal_entities.legal_entity,
        currencies.currency_id as currency,
        currencies.exponent,
        currencies.currency_id = legal_entities.functional_currency as is_functional_currency

    from legal_entities
    cross join currencies
    where
        currencies.is_presentation
        or currencies.currency_id = legal_entities.functional_currency

),

events_converted as (

    select
        events.legal_entity,
        events.currency as original_currency,
        {{ month_start('events.event_date') }} as month_start_date,
        shown.currency,
        events.event_type,
        {{ convert_money('events.amount', 'rates.rate', 'shown.exponent') }} as amount

    from events
    inner join shown
        on events.legal_entity = shown.legal_entity
    left join rates
        on
            rates.rate_purpose = 'flow'
            and events.event_date = rates.rate_date
            and events.currency = rates.from_currency
            and shown.currency = rates.to_currency

),

flows as (

    select
        legal_entity,
        original_currency,
        {%- for type in types %}
            {{ sum_known("case when event_type = '" ~ type ~ "' then amount else 0 end") }}
            * {{ 1 if type in ['billed', 'tax'] else -1 }} as {{ type }}_amount,
        {%- endfor %}
        month_start_date,
        currency

    from events_converted
    group by legal_entity, original_currency, month_start_date, currency

),

months_converted as (

    select
        {%- for end in ['opening', 'closing'] %}
            -- Nothing is nothing at any rate.
            case
                when receivable_months.{{ end }}_original_amount = 0 then 0
                else
                    {{ convert_money(
                        'receivable_months.' ~ end ~ '_original_amount',
                        end ~ '_rates.rate',
                        'shown.exponent',
                    ) }}
            end as {{ end }}_amount,
        {%- endfor %}
        receivable_months.*,
        shown.currency,
        shown.is_functional_currency

    from receivable_months
    inner join shown
        on receivable_months.legal_entity = shown.legal_entity
    left join rates as opening_rates
        on
            opening_rates.rate_purpose = 'stock'
            and receivable_months.month_start_date - 1 = opening_rates.rate_date
            and receivable_months.original_currency = opening_rates.from_currency
            and shown.currency = opening_rates.to_currency
    left join rates as closing_rates
        on
            closing_rates.rate_purpose = 'stock'
            and receivable_months.closing_date = closing_rates.rate_date
            and receivable_months.original_currency = closing_rates.from_currency
            and shown.currency = closing_rates.to_currency

),

months_summed as (

    select
        legal_entity,
        original_currency,
        month_start_date,
        closing_date,
        is_partial,
        currency,
        is_functional_currency,
        {%- for name in ['opening'] + types + ['closing'] %}
            sum({{ name }}_original_amount) as {{ name }}_original_amount,
        {%- endfor %}
        {%- for suffix in ['original_amount', 'amount'] %}
            {%- for bucket in buckets %}
                {{ sum_known(
                    "case when ageing_bucket = '" ~ bucket ~ "' then closing_" ~ suffix
                    ~ ' else 0 end'
                ) }} as {{ bucket }}_{{ suffix }},
            {%- endfor %}
        {%- endfor %}
        {{ sum_known('opening_amount') }} as opening_amount,
        {{ sum_known('closing_amount') }} as closing_amount

    from months_converted
    group by
        legal_entity,
        original_currency,
        month_start_date,
        closing_date,
        is_partial,
        currency,
        is_functional_currency

)

select
    {{ surrogate_key([
        'months_summed.legal_entity',
        'months_summed.original_currency',
        'months_summed.month_start_date',
        'months_summed.currency',
    ]) }} as receivables_id,
    months_summed.legal_entity,
    months_summed.month_start_date,
    months_summed.closing_date,
    months_summed.is_partial,
    months_summed.original_currency,
    {%- for name in ['opening'] + types + ['closing'] %}
        months_summed.{{ name }}_original_amount,
    {%- endfor %}
    {%- for bucket in buckets %}
        months_summed.{{ bucket }}_original_amount,
    {%- endfor %}
    months_summed.currency,
    months_summed.is_functional_currency,
    months_summed.opening_amount,
    {%- for type in types %}
        -- A month without an event moved nothing.
        case
            when flows.legal_entity is null then 0 else flows.{{ type }}_amount
        end as {{ type }}_amount,
    {%- endfor %}
    months_summed.closing_amount - months_summed.opening_amount
    {%- for type in types %}
        {{ '-' if type in ['billed', 'tax'] else '+' }} case
            when flows.legal_entity is null then 0 else flows.{{ type }}_amount
        end
    {%- endfor %} as fx_amount,
    months_summed.closing_amount,
    {%- for bucket in buckets %}
        months_summed.{{ bucket }}_amount,
    {%- endfor %}
    '{{ var("build_id") }}' as build_id

from months_summed
left join flows
    on
        months_summed.legal_entity = flows.legal_entity
        and months_summed.original_currency = flows.original_currency
        and months_summed.month_start_date = flows.month_start_date
        and months_summed.currency = flows.currency
