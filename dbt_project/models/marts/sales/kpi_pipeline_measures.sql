{%- set dimensions = [
    'rep_id', 'team_id', 'department_id', 'lead_source_group', 'campaign_id', 'channel',
    'platform', 'product_id', 'segment', 'stage', 'customer_type', 'legal_entity',
] -%}
{#- A win is of no open stage. -#}
{%- set won_dimensions = dimensions | reject('equalto', 'stage') | list -%}
{%- set records = {
    'calls_due': ["'opportunities'", 'opportunity_id'],
    'creations_of_years': ["'opportunities'", 'opportunity_id'],
    'open_days': ["'opportunities'", 'opportunity_id'],
    'open_days_converted': ["'opportunities'", 'opportunity_id'],
    'wins_dated_month': ["'opportunities'", 'opportunity_id'],
    'wins_dated_quarter': ["'opportunities'", 'opportunity_id'],
    'wins_of_month': ["'opportunities'", 'opportunity_id'],
    'wins_of_quarter': ["'opportunities'", 'opportunity_id'],
    'months_of_years': ["'periods'", 'month_end_date'],
} -%}
{{ config(meta={'records': records}) }}

with

sales_states as (

    select * from {{ ref('fct_opportunity_states') }}
    where is_sales_pipeline

),

opportunity_states as (

    select * from sales_states
    where status = 'open'

),

lost_states as (

    select * from sales_states
    where status = 'lost'

),

wins as (

    select * from {{ ref('fct_opportunity_closes') }}
    where is_sales_pipeline and is_won

),

reengagements as (

    select * from {{ ref('fct_reengagements') }}
    where is_to_be_called

),

opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

dates as (

    select * from {{ ref('dim_dates') }}
    where is_stock_day

),

all_rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

rates as (

    select * from all_rates
    where rate_purpose = 'stock'

),

flow_rates as (

    select * from all_rates
    where rate_purpose = 'flow'

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_presentation

),

-- A stock: one contribution per open deal and day, at the end of the company's day.
open_days as (

    select
        opportunity_states.*,
        dates.date_day as report_date,
        dates.month_end_date,
        dates.fiscal_quarter_end_date

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
        end as converted_amount,
        case
            when open_days.amount is null and open_days.is_amount_known then 0
            else
                {{ convert_money(
                    'cast(open_days.amount * open_days.probability as decimal(38, 4))',
                    'rates.rate',
                    'currencies.exponent'
                ) }}
        end as weighted_amount,
        case
            when open_days.is_amount_known then (open_days.amount is not null)::integer
        end as has_amount

    from open_days
    cross join currencies
    left join rates
        on
            open_days.report_date = rates.rate_date
            and open_days.currency = rates.from_currency
            and currencies.currency_id = rates.to_currency

),

wins_converted as (

    select
        wins.*,
        currencies.currency_id as presentation_currency,
        case
            when wins.amount is null then 0
            else
                {{ convert_money('wins.amount', 'flow_rates.rate', 'currencies.exponent') }}
        end as converted_amount

    from wins
    cross join currencies
    left join flow_rates
        on
            wins.closed_date = flow_rates.rate_date
            and wins.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

-- What had been won of the running month and quarter as each day ended.
{%- for period, start, end in [
    ('month', 'month_start_date', 'month_end_date'),
    ('quarter', 'fiscal_quarter_start_date', 'fiscal_quarter_end_date'),
] %}
    wins_dated_{{ period }} as (

        select
            wins.*,
            dates.date_day as report_date

        from wins
        inner join dates
            on
                wins.closed_date <= dates.date_day
                and wins.closed_date >= dates.{{ start }}

    ),

    wins_of_{{ period }} as (

        select
            wins_converted.*,
            dates.date_day as report_date

        from wins_converted
        inner join dates
            on
                wins_converted.closed_date <= dates.date_day
                and wins_converted.closed_date >= dates.{{ start }}

    ),
{% endfor %}
-- Owners change while a deal is lost: who has it that day is to call.
reengagement_days as (

    select
        lost_states.*,
        dates.date_day as report_date,
        reengagements.buyer_id,
        reengagements.due_to_date,
        reengagements.win_loss_reason

    from lost_states
    inner join reengagements
        on
            lost_states.opportunity_id = reengagements.opportunity_id
            and lost_states.first_date between reengagements.lost_date
            and reengagements.lost_until_date
    inner join dates
        on
            dates.date_day between lost_states.first_date and lost_states.last_date
            and dates.date_day between reengagements.due_from_date
            and reengagements.overdue_to_date
            and reengagements.settled_date > dates.date_day

),

buyers_in_talks as (

    select distinct
        opportunities.buyer_id,
        open_days.report_date

    from open_days
    inner join opportunities
        on open_days.opportunity_id = opportunities.opportunity_id

),

calls_due as (

    select reengagement_days.*
    from reengagement_days
    anti join buyers_in_talks
        on
            reengagement_days.buyer_id = buyers_in_talks.buyer_id
            and reengagement_days.report_date = buyers_in_talks.report_date

),

months_ended as (

    select
        month_end_date,
        coalesce(
            lag(month_start_date, 11) over (order by month_start_date), date '0001-01-01'
        ) as window_start_date

    from dates
    where date_day = month_end_date

),

-- The last twelve whole months, as each month ends and on the as-of day.
value_windows as (

    select
        month_end_date as report_date,
        window_start_date,
        month_end_date as window_end_date

    from months_ended
    union all
    select
        {{ as_of_date() }} as report_date,
        window_start_date,
        month_end_date as window_end_date

    from months_ended
    -- On the last day of a month its own window is there already.
    qualify
        month_end_date = max(month_end_date) over ()
        and month_end_date < {{ as_of_date() }}

),

creations as (

    select *
    from opportunities
    where is_sales_pipeline and created_date is not null

),

creations_converted as (

    select
        creations.*,
        currencies.currency_id as presentation_currency,
        case
            when creations.created_amount is null and creations.is_created_amount_known then 0
            else
                {{ convert_money(
                    'creations.created_amount', 'flow_rates.rate', 'currencies.exponent'
                ) }}
        end as converted_amount

    from creations
    cross join currencies
    left join flow_rates
        on
            creations.created_date = flow_rates.rate_date
            and creations.currency = flow_rates.from_currency
            and currencies.currency_id = flow_rates.to_currency

),

creations_of_years as (

    select
        creations_converted.*,
        value_windows.report_date

    from creations_converted
    inner join value_windows
        on
            creations_converted.created_date between value_windows.window_start_date
            and value_windows.window_end_date

),

first_creations as (

    select
        presentation_currency,
        min(created_date) as first_created_date

    from creations_converted
    group by 1

),

-- Months before anything was created are no months of an average.
months_of_years as (

    select
        value_windows.report_date,
        months_ended.month_end_date,
        first_creations.presentation_currency

    from value_windows
    inner join months_ended
        on
            months_ended.month_end_date between value_windows.window_start_date
            and value_windows.window_end_date
    inner join first_creations
        on months_ended.month_end_date >= first_creations.first_created_date

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
        denominator='has_amount', by=dimensions,
    ) }}
    union all
    {{ contribution(
        'weighted_pipeline', of='open_days_converted', day='report_date',
        currency='presentation_currency', original_amount='own_amount * probability',
        numerator='weighted_amount', denominator='has_amount', by=dimensions,
    ) }}
    union all
    {{ contribution(
        'avg_days_open', of='open_days', day='report_date',
        where='created_date is not null',
        numerator='report_date - created_date - closed_days', denominator=1, by=dimensions,
    ) }}
    union all
    {{ contribution(
        'next_step_coverage', of='open_days', day='report_date',
        where='is_next_step_known',
        numerator='coalesce(next_step_date >= report_date, false)::integer', denominator=1,
        by=dimensions,
    ) }}
    {%- for period, end in [
        ('month', 'month_end_date'), ('quarter', 'fiscal_quarter_end_date')
    ] %}
        union all
        -- An expected close in the past is no expectation: such deals are overdue, not forecast.
        {{ contribution(
            'forecast_sales', variant='for_' ~ period, of='open_days_converted',
            day='report_date', where='expected_close_date between report_date and ' ~ end,
            currency='presentation_currency', numerator='weighted_amount',
            denominator='has_amount', by=won_dimensions,
        ) }}
        union all
        {{ contribution(
            'forecast_sales', variant='for_' ~ period, of='wins_of_' ~ period,
            day='report_date', currency='presentation_currency', numerator='converted_amount',
            denominator='(amount is not null)::integer', by=won_dimensions,
        ) }}
        union all
        {{ contribution(
            'open_pipeline_due', variant='for_' ~ period, of='open_days_converted',
            day='report_date', where='expected_close_date between report_date and ' ~ end,
            currency='presentation_currency', numerator='converted_amount',
            denominator='has_amount', by=won_dimensions,
        ) }}
        union all
        {{ contribution(
            'forecast_deals', variant='for_' ~ period, of='open_days', day='report_date',
            where='expected_close_date between report_date and ' ~ end,
            numerator='probability', by=won_dimensions,
        ) }}
        union all
        {{ contribution(
            'forecast_deals', variant='for_' ~ period, of='wins_dated_' ~ period,
            day='report_date', numerator=1, by=won_dimensions,
        ) }}
    {%- endfor %}
    union all
    {{ contribution(
        'reengagement_due', of='calls_due', day='report_date',
        where='report_date <= due_to_date', numerator=1, by=won_dimensions,
        under={'close_reason': 'win_loss_reason'},
    ) }}
    union all
    {{ contribution(
        'reengagement_due', variant='overdue', of='calls_due', day='report_date',
        where='report_date > due_to_date', numerator=1, by=won_dimensions,
        under={'close_reason': 'win_loss_reason'},
    ) }}
    union all
    {{ contribution(
        'opportunity_value_annual', of='creations_of_years', day='report_date',
        currency='presentation_currency', numerator='converted_amount',
        denominator='case when is_created_amount_known then (created_amount is not null)::integer end',
        by=['segment', 'legal_entity'],
        under={
            'rep_id': 'creator_id',
            'team_id': 'creator_team_id',
            'department_id': 'creator_department_id',
        },
    ) }}
    union all
    {{ contribution(
        'opportunity_value_monthly_avg', of='creations_of_years', day='report_date',
        currency='presentation_currency', numerator='converted_amount', denominator=0,
    ) }}
    union all
    {{ contribution(
        'opportunity_value_monthly_avg', of='months_of_years', day='report_date',
        currency='presentation_currency', numerator=0, denominator=1,
    ) }}

)

{{ sum_contributions('contributions', of_stocks=true) }}
