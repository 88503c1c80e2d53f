-- Thirteen KPIs of the bulk company from facts to the rows of rpt_kpi_values, written by hand:
-- all grains and breakdowns, VND and USD, flags, keys and names as published.
--
-- What a person in a hurry would do and the models do not: figures of one fact stay beside each
-- other as columns until the last step, members are grouped one breakdown at a time, what lies
-- between is small and never leaves memory. What the models do and this does not: any other
-- KPI, company or policy; days that are kept; a place for the next KPI.
--
-- Table `asked` names the KPIs; variables as_of, build_id, recent_days and
-- low_sample_threshold say what dbt's variables say to the models. divide_exactly is the
-- engine function of the project.

create temp table rates as
select
    rate_purpose, rate_date, from_currency,
    any_value(rate) filter (where to_currency = 'VND') as vnd,
    any_value(rate) filter (where to_currency = 'USD') as usd
from fct_fx_rates_daily group by all;

-- Ads: one row per day and set of members, each currency beside the counts it is divided by.
create temp table ad_money as
with

ad_rows as (

    select
        ads.report_date, ads.currency, ads.platform, ads.channel, ads.campaign_id, ads.product_id,
        ads.legal_entity, ads.spend_amount, ads.click_count,
        round(ads.spend_amount * rates.vnd, 0)::decimal(38, 4) as vnd,
        round(ads.spend_amount * rates.usd, 2)::decimal(38, 4) as usd
    from fct_ad_performance_daily as ads
    left join rates
        on
            rates.rate_purpose = 'flow' and rates.rate_date = ads.report_date
            and rates.from_currency = ads.currency
    where ads.report_date <= getvariable('as_of')

),

ad_cells as (

    select
        report_date, currency, platform, channel, campaign_id, product_id, legal_entity,
        count(*) as ads,
        case when count(spend_amount) = count(*) then sum(spend_amount) end as spend,
        case when count(vnd) = count(*) then sum(vnd) end as vnd,
        case when count(usd) = count(*) then sum(usd) end as usd,
        count(click_count) as clicked,
        sum(click_count) as clicks,
        case
            when count(spend_amount) filter (where click_count is not null) = count(click_count)
                then sum(spend_amount) filter (where click_count is not null)
        end as clicked_spend,
        case
            when count(vnd) filter (where click_count is not null) = count(click_count)
                then sum(vnd) filter (where click_count is not null)
        end as clicked_vnd,
        case
            when count(usd) filter (where click_count is not null) = count(click_count)
                then sum(usd) filter (where click_count is not null)
        end as clicked_usd
    from ad_rows group by all

)

select
    report_date, presentation, currency, platform, channel, campaign_id, legal_entity,
    ads, spend, if(presentation = 'VND', vnd, usd) as converted,
    clicked, clicks, clicked_spend,
    if(presentation = 'VND', clicked_vnd, clicked_usd) as clicked_converted,
    0 as paid_leads
from ad_cells, (values ('VND'), ('USD')) as currencies (presentation)
union all by name
select
    created_date as report_date, presentation, platform, channel, campaign_id, legal_entity,
    0 as ads, 0 as clicked, count(*) as paid_leads
from fct_leads, (values ('VND'), ('USD')) as currencies (presentation)
where is_paid and created_date <= getvariable('as_of')
group by all;

create temp macro by_ad_money(name, member) as table
select
    report_date, presentation, name as breakdown, coalesce(member, '(unknown)') as member_id,
    sum(ads) as ads, sum(spend) as spend, sum(converted) as converted,
    bool_or(ads > 0 and converted is null and spend is not null) as unrated,
    bool_or(ads > 0 and converted is null and spend is null) as unrecorded,
    sum(clicked) as clicked, sum(clicks) as clicks, sum(clicked_converted) as clicked_converted,
    bool_or(clicked > 0 and clicked_converted is null and clicked_spend is not null)
        as clicked_unrated,
    bool_or(clicked > 0 and clicked_converted is null and clicked_spend is null)
        as clicked_unrecorded,
    sum(paid_leads) as paid_leads
from ad_money group by all;

create temp macro by_ad_count(name, member) as table
select
    report_date, name as breakdown, coalesce(member, '(unknown)') as member_id,
    count(impression_count) as shown, sum(impression_count) as impressions,
    count(click_count) as clicked, sum(click_count) as clicks,
    count(impression_count + click_count) as both_told,
    sum(click_count) filter (where impression_count is not null) as clicks_of_shown,
    sum(impression_count) filter (where click_count is not null) as impressions_of_clicked
from fct_ad_performance_daily
where report_date <= getvariable('as_of')
group by all;

-- Leads and calls: a case on a day.
create temp table events as
select
    'leads_created' as kpi_key, created_date as report_date, created_owner_id as rep_id,
    created_owner_team_id as team_id, null as department_id, lead_source_group, campaign_id,
    channel, platform, null as customer_type, legal_entity, count(*) as cases,
    null as of_cases
from fct_leads where created_date <= getvariable('as_of') group by all
union all by name
select
    'mql_count' as kpi_key, mql_date as report_date, mql_owner_id as rep_id,
    mql_owner_team_id as team_id, lead_source_group, campaign_id, channel, platform,
    legal_entity, count(*) as cases
from fct_leads where mql_date <= getvariable('as_of') group by all
union all by name
select
    'sql_count' as kpi_key, sql_date as report_date, sql_owner_id as rep_id,
    sql_owner_team_id as team_id, lead_source_group, campaign_id, channel, platform,
    legal_entity, count(*) as cases
from fct_leads where sql_date <= getvariable('as_of') group by all
union all by name
select
    'lead_source_completeness' as kpi_key, created_date as report_date,
    creator_id as rep_id, creator_team_id as team_id, legal_entity,
    count(*) filter (where lead_source_group <> '(unknown)') as cases, count(*) as of_cases
from fct_leads where created_date <= getvariable('as_of') group by all
union all by name
select
    'calls_made' as kpi_key, occurred_date as report_date, rep_id, team_id, department_id,
    customer_type, legal_entity, count(*) as cases
from fct_activities
where
    is_call and direction = 'outbound' and is_completed
    and occurred_date <= getvariable('as_of')
group by all;

create temp macro by_event(name, member) as table
select
    kpi_key, report_date, name as breakdown, coalesce(member, '(unknown)') as member_id,
    sum(cases) as numerator, sum(of_cases) as denominator
from events group by all;

-- Recurring revenue: a customer is converted once, its products share the amount.
create temp table mrr_cells as
with

mrr_running as (

    select
        *,
        sum(mrr_amount) over (
            partition by customer_id, currency, report_date order by product_id
            rows unbounded preceding
        ) as running
    from fct_customer_mrr
    where report_date <= getvariable('as_of')

),

mrr_rows as (

    select
        mrr.report_date, mrr.currency, mrr.rep_id, mrr.team_id, mrr.segment, mrr.legal_entity,
        mrr.product_id, mrr.mrr_amount,
        round(running * rates.vnd, 0)::decimal(38, 4)
        - round((running - mrr_amount) * rates.vnd, 0)::decimal(38, 4) as vnd,
        round(running * rates.usd, 2)::decimal(38, 4)
        - round((running - mrr_amount) * rates.usd, 2)::decimal(38, 4) as usd
    from mrr_running as mrr
    left join rates
        on
            rates.rate_purpose = 'stock' and rates.rate_date = mrr.report_date
            and rates.from_currency = mrr.currency

)

select
    report_date, currency, rep_id, team_id, segment, legal_entity, product_id,
    sum(mrr_amount) as amount,
    case when count(vnd) = count(*) then sum(vnd) end as vnd,
    case when count(usd) = count(*) then sum(usd) end as usd
from mrr_rows group by all;

create temp macro by_mrr(name, member) as table
select
    report_date, name as breakdown, coalesce(member, '(unknown)') as member_id,
    sum(amount) as amount, sum(vnd) as vnd, sum(usd) as usd,
    bool_or(vnd is null) as vnd_unrated, bool_or(usd is null) as usd_unrated
from mrr_cells group by all;

create temp table customers_paying as
select
    report_date, customer_id, min(rep_id) as rep_id, min(team_id) as team_id,
    min(segment) as segment, min(legal_entity) as legal_entity
from fct_customer_mrr where report_date <= getvariable('as_of') group by all;

create temp macro by_customer(name, member) as table
select
    report_date, name as breakdown, coalesce(member, '(unknown)') as member_id,
    count(*) as customers
from customers_paying group by all;

create table rpt_kpi_values as
with

ad_money_days as materialized (

    from by_ad_money('total', '(total)')
    union all from by_ad_money('platform', platform)
    union all from by_ad_money('channel', channel)
    union all from by_ad_money('campaign', campaign_id)
    union all from by_ad_money('legal_entity', legal_entity)
    -- Leads have no currency of their own.
    union all from by_ad_money('currency', if(ads > 0, currency, '')) where member_id <> ''

),

ad_money_months as materialized (

    select
        week_start_date, month_start_date, presentation, breakdown, member_id,
        sum(ads) as ads, sum(spend) as spend, sum(converted) as converted,
        bool_or(unrated) as unrated, bool_or(unrecorded) as unrecorded,
        sum(clicked) as clicked, sum(clicks) as clicks,
        sum(clicked_converted) as clicked_converted,
        bool_or(clicked_unrated) as clicked_unrated,
        bool_or(clicked_unrecorded) as clicked_unrecorded,
        sum(paid_leads) as paid_leads
    from ad_money_days inner join dim_dates on report_date = date_day
    group by
        presentation, breakdown, member_id,
        grouping sets ((week_start_date), (month_start_date))

),

ad_money_periods as materialized (

    select 'day' as grain, report_date as period_start_date, * exclude (report_date)
    from ad_money_days
    where breakdown = 'total' or report_date > getvariable('as_of') - getvariable('recent_days')
    union all by name
    select
        if(month_start_date is null, 'week', 'month') as grain,
        coalesce(month_start_date, week_start_date) as period_start_date,
        * exclude (week_start_date, month_start_date)
    from ad_money_months
    union all by name
    select
        if(fiscal_year_start_date is null, 'quarter', 'year') as grain,
        coalesce(fiscal_year_start_date, fiscal_quarter_start_date) as period_start_date,
        presentation, breakdown, member_id,
        sum(ads) as ads, sum(spend) as spend, sum(converted) as converted,
        bool_or(unrated) as unrated, bool_or(unrecorded) as unrecorded,
        sum(clicked) as clicked, sum(clicks) as clicks,
        sum(clicked_converted) as clicked_converted,
        bool_or(clicked_unrated) as clicked_unrated,
        bool_or(clicked_unrecorded) as clicked_unrecorded,
        sum(paid_leads) as paid_leads
    from ad_money_months
    inner join dim_dates on ad_money_months.month_start_date = date_day
    group by
        presentation, breakdown, member_id,
        grouping sets ((fiscal_quarter_start_date), (fiscal_year_start_date))

),

ad_count_days as materialized (

    from by_ad_count('total', '(total)')
    union all from by_ad_count('platform', platform)
    union all from by_ad_count('channel', channel)
    union all from by_ad_count('campaign', campaign_id)
    union all from by_ad_count('legal_entity', legal_entity)

),

ad_count_periods as materialized (

    select 'day' as grain, report_date as period_start_date, * exclude (report_date)
    from ad_count_days
    where breakdown = 'total' or report_date > getvariable('as_of') - getvariable('recent_days')
    union all by name
    select
        case
            when week_start_date is not null then 'week'
            when month_start_date is not null then 'month'
            when fiscal_quarter_start_date is not null then 'quarter'
            else 'year'
        end as grain,
        coalesce(
            week_start_date, month_start_date, fiscal_quarter_start_date, fiscal_year_start_date
        ) as period_start_date,
        breakdown, member_id, sum(shown) as shown, sum(impressions) as impressions,
        sum(clicked) as clicked, sum(clicks) as clicks, sum(both_told) as both_told,
        sum(clicks_of_shown) as clicks_of_shown,
        sum(impressions_of_clicked) as impressions_of_clicked
    from ad_count_days inner join dim_dates on report_date = date_day
    group by
        breakdown, member_id,
        grouping sets (
            (week_start_date), (month_start_date), (fiscal_quarter_start_date),
            (fiscal_year_start_date)
        )

),

event_days as materialized (

    from by_event('total', '(total)')
    union all from by_event('rep', rep_id)
    union all from by_event('team', team_id)
    union all from by_event('legal_entity', legal_entity)
    union all
    select found.* from by_event('department', department_id) as found
    where found.kpi_key = 'calls_made'
    union all
    select found.* from by_event('customer_type', customer_type) as found
    where found.kpi_key = 'calls_made'
    union all
    select found.* from by_event('lead_source_group', lead_source_group) as found
    where found.kpi_key in ('leads_created', 'mql_count', 'sql_count')
    union all
    select found.* from by_event('campaign', campaign_id) as found
    where found.kpi_key in ('leads_created', 'mql_count', 'sql_count')
    union all
    select found.* from by_event('channel', channel) as found
    where found.kpi_key in ('leads_created', 'mql_count', 'sql_count')
    union all
    select found.* from by_event('platform', platform) as found
    where found.kpi_key in ('leads_created', 'mql_count', 'sql_count')

),

event_periods as (

    select 'day' as grain, report_date as period_start_date, * exclude (report_date)
    from event_days
    where breakdown = 'total' or report_date > getvariable('as_of') - getvariable('recent_days')
    union all by name
    select
        case
            when week_start_date is not null then 'week'
            when month_start_date is not null then 'month'
            when fiscal_quarter_start_date is not null then 'quarter'
            else 'year'
        end as grain,
        coalesce(
            week_start_date, month_start_date, fiscal_quarter_start_date, fiscal_year_start_date
        ) as period_start_date,
        kpi_key, breakdown, member_id, sum(numerator) as numerator,
        sum(denominator) as denominator
    from event_days inner join dim_dates on report_date = date_day
    group by
        kpi_key, breakdown, member_id,
        grouping sets (
            (week_start_date), (month_start_date), (fiscal_quarter_start_date),
            (fiscal_year_start_date)
        )

),

mrr_days as materialized (

    from by_mrr('total', '(total)')
    union all from by_mrr('rep', rep_id)
    union all from by_mrr('team', team_id)
    union all from by_mrr('segment', segment)
    union all from by_mrr('legal_entity', legal_entity)
    union all from by_mrr('currency', currency)
    union all from by_mrr('product', product_id)

),

customer_days as materialized (

    from by_customer('total', '(total)')
    union all from by_customer('rep', rep_id)
    union all from by_customer('team', team_id)
    union all from by_customer('segment', segment)
    union all from by_customer('legal_entity', legal_entity)

),

-- Which periods each KPI has.
first_days as (

    select min(report_date) as first_date
    from (
        select min(report_date) as report_date from ad_money_days
        union all select min(report_date) from ad_count_days
        union all select min(report_date) from event_days
        union all select min(report_date) from mrr_days
    )

),

needed as (

    select kpi_key, unnest(string_split(required_entities, '|')) as entity
    from asked inner join kpi_registry using (kpi_key)

),

reach as (

    select needed.kpi_key, min(dim_sources.data_through_date) as data_through_date
    from needed inner join dim_sources using (entity) group by all

),

periods as materialized (

    select
        registry.*, dim_periods.grain, dim_periods.period_start_date,
        dim_periods.period_end_date, dim_periods.last_known_date,
        registry.aggregation = 'last' as is_stock, registry.additivity = 'ratio' as is_ratio,
        dim_periods.period_end_date
        > coalesce(reach.data_through_date, getvariable('as_of')) as is_partial,
        coalesce(
            registry.required_entities like '%subscription_items%'
            and if(is_stock, dim_periods.last_known_date, dim_periods.period_start_date - 1)
            < (select max(known_from_date) from dim_billing_sources),
            false
        ) as is_before_history
    from asked
    inner join kpi_registry as registry using (kpi_key)
    left join reach using (kpi_key)
    cross join dim_periods
    cross join first_days
    where
        dim_periods.is_started and dim_periods.period_end_date >= first_days.first_date
        and (
            registry.aggregation <> 'last' or dim_periods.grain <> 'day'
            or dim_periods.period_start_date
            > getvariable('as_of') - getvariable('recent_days')
        )

),

-- Columns become KPIs.
figures as (

    select
        'ad_spend' as kpi_key, grain, period_start_date, breakdown, member_id,
        presentation as currency, spend as original_amount, converted as numerator,
        null as denominator, unrated, unrecorded
    from ad_money_periods where ads > 0
    union all
    select
        'cpc', grain, period_start_date, breakdown, member_id, presentation, null,
        clicked_converted, clicks, clicked_unrated, clicked_unrecorded
    from ad_money_periods where clicked > 0 and breakdown <> 'currency'
    union all
    select
        'cpl_media', grain, period_start_date, breakdown, member_id, presentation, null,
        coalesce(converted, 0), paid_leads, unrated, unrecorded
    from ad_money_periods where breakdown <> 'currency'
    union all
    select
        'impressions', grain, period_start_date, breakdown, member_id, null, null,
        impressions, null, false, false
    from ad_count_periods where shown > 0
    union all
    select
        'clicks', grain, period_start_date, breakdown, member_id, null, null,
        clicks, null, false, false
    from ad_count_periods where clicked > 0
    union all
    select
        'ctr', grain, period_start_date, breakdown, member_id, null, null,
        clicks_of_shown, impressions_of_clicked, false, false
    from ad_count_periods where both_told > 0
    union all
    select
        kpi_key, grain, period_start_date, breakdown, member_id, null, null,
        numerator, denominator, false, false
    from event_periods
    union all
    select
        'mrr', grain, period_start_date, breakdown, member_id, presentation, amount,
        if(presentation = 'VND', vnd, usd), null,
        if(presentation = 'VND', vnd_unrated, usd_unrated), false
    from mrr_days
    inner join periods on last_known_date = report_date and kpi_key = 'mrr'
    cross join (values ('VND'), ('USD')) as currencies (presentation)
    union all
    select
        'paying_customers', grain, period_start_date, breakdown, member_id, null, null,
        customers, null, false, false
    from customer_days
    inner join periods on last_known_date = report_date and kpi_key = 'paying_customers'

),

-- The company's own row is there for every period.
figures_filled as (

    from figures
    union all by name
    select
        periods.kpi_key, periods.grain, periods.period_start_date, 'total' as breakdown,
        '(total)' as member_id, presentation as currency, 0 as numerator,
        false as unrated, false as unrecorded
    from periods
    inner join (values ('money', 'VND'), ('money', 'USD'), ('other', null))
        as currencies (unit, presentation)
        on if(periods.unit = 'money', 'money', 'other') = currencies.unit
    anti join figures
        on
            figures.breakdown = 'total'
            and figures.kpi_key = periods.kpi_key
            and figures.grain = periods.grain
            and figures.period_start_date = periods.period_start_date
            and coalesce(figures.currency, '') = coalesce(presentation, '')

),

known as (

    select
        figures.*, periods.* exclude (kpi_key, grain, period_start_date),
        has_source and not is_before_history as is_there,
        is_there and not unrated and not unrecorded as is_known
    from figures_filled as figures
    inner join periods using (kpi_key, grain, period_start_date)
    where
        grain <> 'week' or breakdown = 'total'
        or period_start_date > getvariable('as_of') - getvariable('recent_week_days')

),

judged as (

    select
        * replace (
            if(is_there and not unrecorded, original_amount, null)::decimal(38, 6)
                as original_amount,
            if(is_known, numerator, null)::decimal(38, 6) as numerator,
            if(is_known and is_ratio, coalesce(denominator, 0), null)::decimal(38, 6)
                as denominator
        ),
        list_filter(
            [
                if(is_there and unrecorded and not is_stock, 'no_amount', null),
                if(
                    has_source and (is_before_history or (unrecorded and is_stock)),
                    'no_history', null
                ),
                if(is_there and unrated, 'no_rate', null),
                if(not has_source, 'no_source', null)
            ],
            lambda flag: flag is not null
        ) as flag
    from known

),

names as (

    select 'rep' as breakdown, user_id as member_id, user_name as member_name from dim_users
    union all select 'team', team_id, team_name from dim_teams
    union all select 'department', department_id, department_name from dim_departments
    union all select 'campaign', campaign_id, campaign_name from dim_campaigns
    union all select 'product', product_id, product_name from dim_products

)

select
    md5(concat_ws(
        '|', kpi_key, 'standard', 'current', grain, period_start_date, breakdown,
        member_id, coalesce(currency, '')
    )) as kpi_value_id,
    kpi_key, version as kpi_version, 'standard' as variant, 'current' as basis, grain,
    period_start_date, period_end_date, breakdown, member_id,
    coalesce(member_name, member_id) as member_name, unit, currency,
    if(breakdown = 'currency', original_amount, null) as value_original,
    numerator, denominator,
    if(is_ratio, divide_exactly(numerator, denominator), numerator) as value,
    additivity, is_partial,
    coalesce(is_ratio and denominator < getvariable('low_sample_threshold'), false)
        as low_sample,
    flag,
    if(is_before_history or not has_source, 'not_available', 'source_history')
        as history_basis,
    theme, getvariable('as_of') as as_of_date, getvariable('build_id') as build_id
from judged
left join names using (breakdown, member_id);
