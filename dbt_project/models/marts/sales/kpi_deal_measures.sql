{%- set deal_dimensions = [
    'lead_source_group', 'campaign_id', 'channel', 'platform', 'product_id', 'segment',
    'customer_type', 'legal_entity',
] -%}
{%- set people = ['rep_id', 'team_id', 'department_id'] -%}
{%- set dated = {
    'fct_opportunities': {
        'days': ['created_date'],
        'columns': [
            'created_date', 'creator_id', 'creator_team_id', 'creator_department_id',
            'is_sales_pipeline', 'created_amount', 'is_created_amount_known', 'currency',
            'status', 'is_won', 'closed_date', 'is_icp_fit', 'trial_date',
        ] + deal_dimensions,
    },
    'fct_opportunity_closes': {
        'days': ['closed_date'],
        'columns': [
            'closed_date', 'is_won', 'amount', 'currency',
            'is_sales_pipeline', 'term_months', 'win_loss_reason', 'slippage_days',
            'sales_contact_method', 'creator_id',
        ] + people + deal_dimensions,
    },
    'fct_opportunity_stage_visits': {
        'days': ['reached_date', 'left_date', 'ongoing_on_date'],
        'columns': [
            'stage', 'reached_date', 'passed_date', 'stage_days', 'left_date',
            'ongoing_on_date', 'segment', 'legal_entity',
        ] + people,
    },
    'fct_trials': {
        'days': ['started_date'],
        'columns': ['started_date', 'segment', 'legal_entity'],
    },
    'fct_reengagements': {
        'days': ['due_to_date', 'recontact_date'],
        'columns': [
            'due_to_date', 'recontact_date', 'won_again_date', 'is_to_be_called', 'segment',
            'legal_entity', 'win_loss_reason',
        ] + people,
    },
    'fct_fx_rates_daily': {
        'days': ['rate_date'],
        'columns': ['rate_date', 'rate_purpose', 'from_currency', 'to_currency', 'rate'],
    },
} -%}
{#- A creation is credited to who created it, in the team of that day; a close to the rep,
    and shown by creator too: who opens deals is not always who closes them. -#}
{%- set creators = {
    'rep_id': 'creator_id',
    'team_id': 'creator_team_id',
    'department_id': 'creator_department_id',
} -%}
{%- set created_by = deal_dimensions + ['creator_id'] -%}
{%- set closed_by = people + deal_dimensions + ['creator_id'] -%}
{%- set visited_by = people + ['stage', 'segment', 'legal_entity'] -%}
{%- set with_reason = {'close_reason': 'win_loss_reason'} -%}
{%- set records = {
    'closes': ["'opportunities'", 'opportunity_id'],
    'closes_weighed': ["'opportunities'", 'opportunity_id'],
    'creations_converted': ["'opportunities'", 'opportunity_id'],
    'opportunities': ["'opportunities'", 'opportunity_id'],
    'reengagements': ["'opportunities'", 'opportunity_id'],
    'stage_visits': ["'opportunities'", 'stage_visit_id'],
    'wins_converted': ["'opportunities'", 'opportunity_id'],
    'trials': ["'subscriptions'", 'trier_id'],
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

all_opportunities as (

    {{ changed_rows('fct_opportunities', dated['fct_opportunities']) }}

),

all_closes as (

    {{ changed_rows('fct_opportunity_closes', dated['fct_opportunity_closes']) }}

),

stage_visits as (

    {{ changed_rows(
        'fct_opportunity_stage_visits', dated['fct_opportunity_stage_visits']
    ) }}

),

trials as (

    {{ changed_rows('fct_trials', dated['fct_trials']) }}

),

reengagements as (

    {{ changed_rows('fct_reengagements', dated['fct_reengagements']) }}

),

rates as (

    {{ changed_rows('fct_fx_rates_daily', dated['fct_fx_rates_daily']) }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

opportunities as (

    select * from all_opportunities
    where is_sales_pipeline

),

closes as (

    select * from all_closes
    where is_sales_pipeline

),

flow_rates as (

    select * from rates
    where rate_purpose = 'flow'

),

closes_converted as (

    select
        closes.*,
        currencies.currency_id as presentation_currency,
        case
            when closes.amount is null then 0
            else
                {{ convert_money(
                    'closes.amount', 'flow_rates.rate', 'currencies.exponent'
                ) }}
        end as converted_amount

    from closes
    cross join currencies
    left join flow_rates
        on
            closes.closed_date = flow_rates.rate_date
            and closes.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

wins_converted as (

    select * from closes_converted
    where is_won

),

-- Shares by value weigh deals of all currencies, so they are weighed in one.
closes_weighed as (

    select * from closes_converted
    where
        amount is not null
        and presentation_currency = '{{ var("reporting_currency") }}'

),

-- An amount nobody knows any more makes its sums unknown; a blank one adds nothing.
creations_converted as (

    select
        opportunities.*,
        currencies.currency_id as presentation_currency,
        case when opportunities.is_created_amount_known then coalesce(created_amount, 0) end
            as own_amount,
        case
            when
                opportunities.created_amount is null
                and opportunities.is_created_amount_known
                then 0
            else
                {{ convert_money(
                    'opportunities.created_amount', 'flow_rates.rate', 'currencies.exponent'
                ) }}
        end as converted_amount

    from opportunities
    cross join currencies
    left join flow_rates
        on
            opportunities.created_date = flow_rates.rate_date
            and opportunities.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

contributions as (

    {{ contribution(
        'opportunity_value_created', of='creations_converted', day='created_date',
        where='created_date is not null', currency='presentation_currency',
        original_amount='own_amount', numerator='converted_amount',
        denominator='case when is_created_amount_known then (created_amount is not null)::integer end',
        by=created_by, under=creators,
    ) }}
    union all
    {{ contribution(
        'opportunities_without_amount', of='opportunities', day='created_date',
        where='created_date is not null',
        numerator='case when is_created_amount_known then (created_amount is null)::integer end',
        by=created_by, under=creators,
    ) }}
    union all
    {{ contribution(
        'avg_opportunity_value', of='creations_converted', day='created_date',
        where='created_date is not null and created_amount <> 0',
        currency='presentation_currency', original_amount='created_amount',
        numerator='converted_amount', denominator=1, by=created_by, under=creators,
    ) }}
    union all
    {{ contribution(
        'opportunity_to_sale_rate', of='opportunities', day='created_date',
        where='created_date is not null',
        numerator='coalesce(is_won and closed_date <= created_date + 365, false)::integer',
        denominator=1, by=created_by, under=creators,
    ) }}
    union all
    {{ contribution(
        'opportunity_to_sale_rate', variant='open', of='opportunities', day='created_date',
        where='created_date is not null', numerator="(status = 'open')::integer",
        denominator=1, by=created_by, under=creators,
    ) }}
    union all
    {{ contribution(
        'icp_fit_rate', of='opportunities', day='created_date',
        where='created_date is not null and is_icp_fit is not null',
        numerator='is_icp_fit::integer', denominator=1, by=created_by, under=creators,
    ) }}
    union all
    -- How many of them could be judged.
    {{ contribution(
        'icp_fit_rate', variant='judged', of='opportunities', day='created_date',
        where='created_date is not null',
        numerator='(is_icp_fit is not null)::integer', denominator=1, by=created_by,
        under=creators,
    ) }}
    union all
    {{ contribution(
        'trials_started', of='trials', day='started_date', numerator=1,
        by=['segment', 'legal_entity'],
    ) }}
    union all
    {{ contribution(
        'opportunity_to_trial_rate', of='opportunities', day='created_date',
        where='created_date is not null',
        numerator='coalesce(trial_date between created_date and created_date + 90, false)::integer',
        denominator=1, by=created_by, under=creators,
    ) }}
    union all
    {{ contribution(
        'win_rate_value', of='closes_weighed', day='closed_date',
        where=win_rate_weight('is_won') ~ ' = 1',
        numerator='case when is_won then converted_amount else 0 end',
        denominator='converted_amount', by=closed_by,
    ) }}
    {%- for kpi_key, outcome in [
        ('win_reason_share', 'is_won'), ('loss_reason_share', 'not is_won')
    ] %}
        union all
        {{ contribution(
            kpi_key, of='closes', day='closed_date', where=outcome, numerator=1,
            under=with_reason,
        ) }}
        union all
        {{ contribution(
            kpi_key, variant='value', of='closes_weighed', day='closed_date', where=outcome,
            numerator='converted_amount', under=with_reason,
        ) }}
    {%- endfor %}
    union all
    {{ contribution(
        'close_date_slippage_days', of='closes', day='closed_date',
        where='slippage_days is not null', numerator='slippage_days', denominator=1,
        is_case=true, by=people + deal_dimensions,
    ) }}
    union all
    {{ contribution(
        'sales_by_contact_method', of='wins_converted', day='closed_date',
        currency='presentation_currency', original_amount='coalesce(amount, 0)',
        numerator='converted_amount', denominator='(amount is not null)::integer',
        by=people, under={'contact_method': 'sales_contact_method'},
    ) }}
    union all
    -- A new deal is a win with somebody who had bought nothing before.
    {{ contribution(
        'avg_new_deal_size', of='wins_converted', day='closed_date',
        where="amount <> 0 and customer_type = 'new'", currency='presentation_currency',
        original_amount='amount', numerator='converted_amount', denominator=1,
        by=people + deal_dimensions,
    ) }}
    union all
    {{ contribution(
        'avg_new_deal_term_months', of='closes', day='closed_date',
        where="is_won and customer_type = 'new' and term_months > 0",
        numerator='term_months', denominator=1, by=people + deal_dimensions,
    ) }}
    union all
    {{ contribution(
        'stage_conversion_rate', of='stage_visits', day='reached_date',
        numerator='coalesce(passed_date <= reached_date + 180, false)::integer',
        denominator=1, by=visited_by,
    ) }}
    union all
    {{ contribution(
        'time_in_stage', of='stage_visits', day='left_date', where='left_date is not null',
        numerator='stage_days', denominator=1, is_case=true, by=visited_by,
    ) }}
    union all
    -- Not over yet: their days are no length, so they stand apart, on the as-of day.
    {{ contribution(
        'time_in_stage', variant='open', of='stage_visits', day='ongoing_on_date',
        where='ongoing_on_date is not null', numerator='stage_days', denominator=1,
        by=visited_by,
    ) }}
    union all
    {{ contribution(
        'reengagement_contact_rate', of='reengagements', day='due_to_date',
        where='is_to_be_called', numerator='(recontact_date is not null)::integer',
        denominator=1, by=people + ['segment', 'legal_entity'], under=with_reason,
    ) }}
    union all
    {{ contribution(
        'reengagement_win_rate', of='reengagements', day='recontact_date',
        where='is_to_be_called and recontact_date is not null',
        numerator='(won_again_date is not null)::integer', denominator=1,
        by=people + ['segment', 'legal_entity'], under=with_reason,
    ) }}

)

{{ sum_contributions('contributions') }}
