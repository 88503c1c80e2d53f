{#- Cost lies in front of the customers it wins: by cac_lag_months it is counted later. -#}
{%- set lag = policy('cac_lag_months') | int -%}
{%- set lagged = '(report_date + to_months(' ~ lag ~ '))::date' if lag else 'report_date' -%}
{%- set cost_days = ['report_date'] + ([lagged] if lag else []) -%}
{%- set ad_dimensions = ['campaign_id', 'channel', 'platform', 'product_id', 'legal_entity'] -%}
{%- set cost_dimensions = ['channel', 'product_id', 'legal_entity'] -%}
{%- set no_campaign = {'campaign_id': "'(unallocated)'", 'platform': "'(unallocated)'"} -%}
{%- set deal_dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'product_id', 'segment',
    'legal_entity',
] -%}
{%- set people = ['rep_id', 'team_id', 'department_id'] -%}
{%- set dated = {
    'fct_costs_daily': {
        'days': cost_days,
        'columns': [
            'cost_id', 'report_date', 'cost_function', 'cost_type', 'shown_cost_type', 'channel',
            'product_id', 'currency', 'amount', 'legal_entity',
        ],
    },
    'fct_ad_performance_daily': {
        'days': cost_days,
        'columns': ['report_date', 'currency', 'spend_amount'] + ad_dimensions,
    },
    'fct_leads': {
        'days': ['mql_date', 'sql_date'],
        'columns': [
            'lead_id', 'mql_date', 'sql_date', 'campaign_id', 'channel', 'platform', 'is_paid',
            'legal_entity',
        ],
    },
    'fct_opportunities': {
        'days': ['created_date'],
        'columns': [
            'opportunity_id', 'created_date', 'is_sales_pipeline', 'is_paid', 'campaign_id',
            'channel', 'platform', 'legal_entity',
        ],
    },
    'fct_opportunity_closes': {
        'days': ['closed_date'],
        'columns': [
            'closed_date', 'is_won', 'is_sales_pipeline', 'customer_type',
        ] + people + deal_dimensions,
    },
    'fct_order_lines': {
        'days': ['report_date'],
        'columns': [
            'revenue_event_id', 'report_date', 'product_id', 'legal_entity',
            'direct_cost_amount', 'direct_cost_currency', 'is_of_first_order',
        ],
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'] + (
            [lagged | replace('report_date', 'rate_date')] if lag else []
        ),
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{%- set records = {
    'ad_days_converted': ["'ad_performance_daily'", 'ad_performance_id'],
    'costs_converted': ["'costs'", 'cost_id'],
    'first_orders_converted': ["'invoice_lines'", 'revenue_event_id'],
    'steps': ['step_entity', 'step_record_id'],
    'closes': ["'opportunities'", 'opportunity_id'],
} -%}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'day': 'report_date', 'dated': dated, 'records': records},
    pre_hook='{{ forget_changed_days() }}',
    post_hook='{{ remember_days() }}',
) }}

with

costs as (

    {{ changed_rows('fct_costs_daily', dated['fct_costs_daily']) }}

),

ad_days as (

    {{ changed_rows('fct_ad_performance_daily', dated['fct_ad_performance_daily']) }}

),

leads as (

    {{ changed_rows('fct_leads', dated['fct_leads']) }}

),

opportunities as (

    {{ changed_rows('fct_opportunities', dated['fct_opportunities']) }}

),

closes as (

    {{ changed_rows('fct_opportunity_closes', dated['fct_opportunity_closes']) }}

),

order_lines as (

    {{ changed_rows('fct_order_lines', dated['fct_order_lines']) }}

),

rates as (

    {{ changed_rows('fct_fx_rates_daily', dated['fct_fx_rates_daily']) }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

flow_rates as (

    select * from rates
    where rate_purpose = 'flow'

),

costs_converted as (

    select
        costs.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('costs.amount', 'flow_rates.rate', 'currencies.exponent') }}
            as converted_amount

    from costs
    cross join currencies
    left join flow_rates
        on
            costs.report_date = flow_rates.rate_date
            and costs.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

ad_days_converted as (

    select
        ad_days.*,
        currencies.currency_id as presentation_currency,
        {{ convert_money('ad_days.spend_amount', 'flow_rates.rate', 'currencies.exponent') }}
            as converted_amount

    from ad_days
    cross join currencies
    left join flow_rates
        on
            ad_days.report_date = flow_rates.rate_date
            and ad_days.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

first_orders_converted as (

    select
        order_lines.revenue_event_id,
        order_lines.report_date,
        order_lines.product_id,
        order_lines.legal_entity,
        order_lines.direct_cost_amount as amount,
        order_lines.direct_cost_currency as currency,
        currencies.currency_id as presentation_currency,
        {{ convert_money(
            'order_lines.direct_cost_amount', 'flow_rates.rate', 'currencies.exponent'
        ) }} as converted_amount

    from order_lines
    cross join currencies
    left join flow_rates
        on
            order_lines.report_date = flow_rates.rate_date
            and order_lines.direct_cost_currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency
    where order_lines.is_of_first_order and order_lines.direct_cost_amount is not null

),

-- What cost is divided by: people qualified and opportunities opened, of paid ads or not.
steps as (

    {%- for kpi_key, relation, record_id, day, condition in [
        ('cost_per_mql', 'leads', 'lead_id', 'mql_date', 'true'),
        ('cost_per_sql', 'leads', 'lead_id', 'sql_date', 'true'),
        (
            'cost_per_opportunity', 'opportunities', 'opportunity_id', 'created_date',
            'is_sales_pipeline',
        ),
    ] %}
        {{ 'union all' if not loop.first }}
        select
            '{{ kpi_key }}' as step_kpi_key,
            '{{ relation }}' as step_entity,
            {{ record_id }} as step_record_id,
            {{ day }} as step_date,
            is_paid,
            campaign_id,
            channel,
            platform,
            legal_entity,
            currencies.currency_id as presentation_currency

        from {{ relation }}
        cross join currencies
        where {{ day }} is not null and {{ condition }}
    {%- endfor %}

),

-- Days nobody has booked make every sum of costs unknown.
contributions as (

    {%- for kpi_key, day, condition in [
        ('marketing_cost_full', 'report_date', "cost_function in ('marketing', 'not_booked')"),
        (
            'acquisition_cost', lagged,
            "cost_function = 'not_booked'"
            ~ " or (cost_function = 'marketing' and cost_type <> 'research')"
            ~ " or (cost_function = 'sales' and cost_type <> 'salary')",
        ),
        (
            'acquisition_cost_full', lagged,
            "cost_function in ('marketing', 'sales', 'not_booked')",
        ),
    ] %}
        {{ contribution(
            kpi_key, of='ad_days_converted', day=day,
            currency='presentation_currency', original_amount='spend_amount',
            numerator='converted_amount', by=ad_dimensions,
            under={'cost_type': "'ad_spend'"},
        ) }}
        union all
        {{ contribution(
            kpi_key, of='costs_converted', day=day, where=condition,
            currency='presentation_currency', original_amount='amount',
            numerator='converted_amount', by=cost_dimensions,
            under=dict(no_campaign, cost_type='shown_cost_type'),
        ) }}
        union all
    {%- endfor %}
    -- What the first order of a customer costs to deliver; it is not spent ahead.
    {{ contribution(
        'acquisition_cost_full', of='first_orders_converted', day='report_date',
        currency='presentation_currency', original_amount='amount',
        numerator='converted_amount', by=['product_id', 'legal_entity'],
        under=dict(no_campaign, channel="'(unallocated)'", cost_type="'product'"),
    ) }}
    union all
    {%- for kpi_key in ['cost_per_mql', 'cost_per_sql', 'cost_per_opportunity'] %}
        {%- for variant, counted in [('standard', 'is_paid'), ('full', 'true')] %}
            {{ contribution(
                kpi_key, variant=variant, of='ad_days_converted', day='report_date',
                currency='presentation_currency', original_amount='spend_amount',
                numerator='converted_amount', denominator=0, by=ad_dimensions,
            ) }}
            union all
            {{ contribution(
                kpi_key, variant=variant, of='steps', day='step_date',
                where="step_kpi_key = '" ~ kpi_key ~ "' and " ~ counted,
                currency='presentation_currency', numerator=0, denominator=1,
                by=['campaign_id', 'channel', 'platform', 'legal_entity'],
                under={'product_id': "'(unknown)'"},
            ) }}
            union all
        {%- endfor %}
        {{ contribution(
            kpi_key, variant='full', of='costs_converted', day='report_date',
            where="cost_function in ('marketing', 'not_booked')",
            currency='presentation_currency', original_amount='amount',
            numerator='converted_amount', denominator=0, by=cost_dimensions,
            under=no_campaign,
        ) }}
        union all
    {%- endfor %}
    -- The first deal a buyer signs; whoever comes back is no new customer.
    {{ contribution(
        'new_customers', of='closes', day='closed_date',
        where="is_won and is_sales_pipeline and customer_type = 'new'", numerator=1,
        by=people + deal_dimensions,
    ) }}

)

{{ sum_contributions('contributions') }}
