with

opportunities as (

    select * from {{ ref('fct_opportunities') }}
    where is_sales_pipeline and status = 'open'

),

opportunity_states as (

    select * from {{ ref('fct_opportunity_states') }}
    where {{ as_of_date() }} between first_date and last_date

),

stage_visits as (

    select * from {{ ref('fct_opportunity_stage_visits') }}

),

activities as (

    select * from {{ ref('fct_activities') }}
    where is_completed and (direction = 'inbound' or outcome in ('answered', 'replied', 'held'))

),

weights as (

    select * from {{ ref('dim_priority_weights') }}

),

users as (

    select * from {{ ref('dim_users') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}
    where rate_purpose = 'stock' and to_currency = '{{ var("reporting_currency") }}'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where currency_id = '{{ var("reporting_currency") }}'

),

-- What is usual in a stage: the middle of all finished stays.
usual_stays as (

    select
        stage,
        {{ exact_median('list(cast(stage_days as decimal(38, 6)))') }} as usual_stage_days

    from stage_visits
    where left_date is not null
    group by 1

),

replies as (

    select
        coalesce(account_id, 'lead:' || lead_id) as buyer_id,
        max(occurred_date) as last_reply_date

    from activities
    where occurred_date <= {{ as_of_date() }}
    group by 1

),

parts_found as (

    select
        opportunities.opportunity_id,
        opportunities.account_id,
        opportunities.lead_id,
        opportunities.is_icp_fit,
        opportunities.legal_entity,
        opportunity_states.stage,
        opportunity_states.amount,
        opportunity_states.currency,
        opportunity_states.probability,
        opportunity_states.expected_close_date,
        opportunity_states.rep_id,
        {{ convert_money(
            'cast(opportunity_states.amount * opportunity_states.probability as decimal(38, 4))',
            'rates.rate',
            'currencies.exponent'
        ) }} as expected_value_amount,
        currencies.currency_id as reporting_currency,
        stage_visits.stage_days,
        usual_stays.usual_stage_days,
        {{ safe_divide('stage_visits.stage_days', 'usual_stays.usual_stage_days') }} as age_ratio,
        replies.last_reply_date,
        {{ as_of_date() }} - replies.last_reply_date as days_since_reply

    from opportunities
    inner join opportunity_states
        on opportunities.opportunity_id = opportunity_states.opportunity_id
    cross join currencies
    left join rates
        on
            opportunity_states.currency = rates.from_currency
            and rates.rate_date = {{ as_of_date() }}
    left join stage_visits
        on
            opportunity_states.opportunity_id = stage_visits.opportunity_id
            and opportunity_states.stage = stage_visits.stage
    left join usual_stays
        on opportunity_states.stage = usual_stays.stage
    left join replies
        on opportunities.buyer_id = replies.buyer_id

),

weights_by_band as (

    select
        {%- for part, band in [
            ('fit', 'fits'), ('fit', 'unknown'), ('fit', 'does_not_fit'), ('age', 'usual'),
            ('age', 'slow'), ('age', 'stuck'), ('age', 'unknown'), ('reply', 'fresh'),
            ('reply', 'recent'), ('reply', 'silent'),
        ] %}
            max(weight) filter (where part = '{{ part }}' and band = '{{ band }}')
                as {{ part }}_{{ band }},
            max(up_to) filter (where part = '{{ part }}' and band = '{{ band }}')
                as {{ part }}_{{ band }}_up_to,
        {%- endfor %}
        max(version) as weights_version

    from weights

),

parts_weighed as (

    select
        parts_found.*,
        weights_by_band.weights_version,
        case
            when parts_found.is_icp_fit then weights_by_band.fit_fits
            when not parts_found.is_icp_fit then weights_by_band.fit_does_not_fit
            else weights_by_band.fit_unknown
        end as fit_weight,
        case
            when parts_found.age_ratio is null then weights_by_band.age_unknown
            when parts_found.age_ratio <= weights_by_band.age_usual_up_to
                then weights_by_band.age_usual
            when parts_found.age_ratio <= weights_by_band.age_slow_up_to
                then weights_by_band.age_slow
            else weights_by_band.age_stuck
        end as age_weight,
        case
            when parts_found.days_since_reply <= weights_by_band.reply_fresh_up_to
                then weights_by_band.reply_fresh
            when parts_found.days_since_reply <= weights_by_band.reply_recent_up_to
                then weights_by_band.reply_recent
            -- Long ago, or never.
            else weights_by_band.reply_silent
        end as reply_weight

    from parts_found
    cross join weights_by_band

)

select
    parts_weighed.opportunity_id,
    cast(
        parts_weighed.expected_value_amount
        * parts_weighed.fit_weight
        * parts_weighed.age_weight
        * parts_weighed.reply_weight
        as decimal(38, 4)
    ) as opportunity_priority_score,
    parts_weighed.expected_value_amount,
    parts_weighed.reporting_currency,
    parts_weighed.amount,
    parts_weighed.currency,
    parts_weighed.probability,
    parts_weighed.is_icp_fit,
    parts_weighed.fit_weight,
    parts_weighed.stage,
    parts_weighed.stage_days,
    parts_weighed.usual_stage_days,
    parts_weighed.age_weight,
    parts_weighed.last_reply_date,
    parts_weighed.days_since_reply,
    parts_weighed.reply_weight,
    parts_weighed.weights_version,
    parts_weighed.expected_close_date,
    parts_weighed.account_id,
    parts_weighed.lead_id,
    parts_weighed.rep_id,
    users.user_name as rep_name,
    parts_weighed.legal_entity,
    {{ as_of_date() }} as as_of_date,
    '{{ var("build_id") }}' as build_id

from parts_weighed
left join users
    on parts_weighed.rep_id = users.user_id
