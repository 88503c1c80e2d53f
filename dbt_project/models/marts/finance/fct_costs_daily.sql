{%- set policies = var('policies') -%}
{%- set allocation = policy('cost_allocation') -%}
{%- set leads, rates = ref('fct_leads'), ref('fct_fx_rates_daily') -%}
with

costs as (

    select * from {{ ref('stg_files__costs') }}
    where month <= {{ as_of_date() }}

),

ad_days as (

    select * from {{ ref('fct_ad_performance_daily') }}

),

users_versioned as (

    select * from {{ ref('int_users_versioned') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

dates as (

    select
        date_day,
        month_start_date,
        month_end_date,
        date_day - month_start_date + 1 as day_number,
        month_end_date - month_start_date + 1 as day_count

    from {{ ref('dim_dates') }}
    where is_past

),

-- A cost without a department is marketing's: the file is a list of what marketing costs.
costs_placed as (

    select
        -- The natural key of the line in its file.
        concat_ws(
            '|', source_name, month, cost_type, coalesce(department, ''),
            coalesce(channel, ''), coalesce(product_id, '')
        ) as cost_id,
        {{ stated_month_start('month') }} as month_start_date,
        cost_type,
        nullif(trim(department), '') as department,
        case
            when nullif(trim(department), '') is null then 'marketing'
            {%- for cost_function, names in [
                ('marketing', policies.get('marketing_departments')),
                ('sales', policies.get('sales_departments')),
            ] %}
                {%- for name in names or [] %}
            when lower(trim(department)) = lower('{{ name }}') then '{{ cost_function }}'
                {%- endfor %}
            {%- endfor %}
            else 'other'
        end as cost_function,
        coalesce(nullif(lower(trim(channel)), ''), '(unallocated)') as channel,
        coalesce(nullif(trim(product_id), ''), '(unallocated)') as product_id,
        currency,
        amount,
        legal_entity

    from costs

),

cost_months as (

    select distinct month_start_date from costs_placed

),
{%- if allocation != 'none' %}

-- What marketing's cost without a channel is shared by, month by month.
allocation_keys as (
    {% if allocation == 'leads' %}
        select
            {{ month_start('created_date') }} as month_start_date,
            channel,
            cast(count(*) as hugeint) as key_part

        from {{ leads }}
        where channel <> '(unknown)' and created_date is not null
        group by 1, 2
    {% else %}
        select
            {{ month_start('ad_days.report_date') }} as month_start_date,
            ad_days.channel,
            cast(sum(ad_days.spend_amount * rates.rate) * 100 as hugeint) as key_part

        from ad_days
        inner join {{ rates }} as rates
            on
                rates.rate_purpose = 'flow'
                and ad_days.report_date = rates.rate_date
                and ad_days.currency = rates.from_currency
                and rates.to_currency = '{{ var("reporting_currency") }}'
        where ad_days.channel <> '(unknown)'
        group by 1, 2
        having cast(sum(ad_days.spend_amount * rates.rate) * 100 as hugeint) > 0
    {% endif %}
),

keys_summed as (

    select
        *,
        sum(key_part) over (partition by month_start_date) as key_parts

    from allocation_keys

),

-- Shared in minor units, so that the channels add up to the line; a month without a key keeps
-- its cost where it is.
costs_shared as (

    select
        costs_placed.* replace (
            coalesce(keys_summed.channel, costs_placed.channel) as channel,
            case
                when keys_summed.channel is null then costs_placed.amount
                else
                    cast(
                        {{ split_units(
                            round_ratio(
                                'cast(costs_placed.amount * 10000 as hugeint)',
                                'cast(minor_unit_amount * 10000 as hugeint)',
                            ),
                            'keys_summed.key_part', 'keys_summed.key_parts',
                            'costs_placed.cost_id',
                            'keys_summed.channel',
                        ) }} as decimal(28, 0)
                    ) * minor_unit_amount
            end as amount
        )

    from costs_placed
    left join currency_exponents
        on costs_placed.currency = currency_exponents.currency
    left join keys_summed
        on
            costs_placed.channel = '(unallocated)'
            and costs_placed.cost_function = 'marketing'
            and costs_placed.month_start_date = keys_summed.month_start_date

),
{%- endif %}

-- How many people a department's salaries of a month are shared by.
salary_months as (

    select
        month_start_date,
        {{ next_month_start('month_start_date') }} - 1 as month_end_date,
        department

    from costs_placed
    where cost_type = 'salary'
    group by 1, 2, 3

),

headcounts as (

    select
        salary_months.month_start_date,
        salary_months.department,
        count(distinct users_versioned.user_id) as person_count

    from salary_months
    inner join users_versioned
        on
            salary_months.department = users_versioned.department_id
            and salary_months.month_end_date >= users_versioned.valid_from
            and salary_months.month_start_date <= users_versioned.valid_to
    group by 1, 2

),

costs_shown as (

    select
        costs_known.*,
        -- The pay of few people is shown as a part of other costs only.
        case
            when
                costs_known.cost_type = 'salary'
                and coalesce(headcounts.person_count, 0)
                < {{ policy('low_sample_threshold') }}
                then 'other'
            else costs_known.cost_type
        end as shown_cost_type,
        cast(costs_known.amount * 1000000 as hugeint) as amount_millionths,
        -- Six decimals less those of the currency.
        cast(
            1000000 * coalesce(currency_exponents.minor_unit_amount, 0.01) as hugeint
        ) as minor_unit_millionths

    from {{ 'costs_placed' if allocation == 'none' else 'costs_shared' }} as costs_known
    left join headcounts
        on
            costs_known.month_start_date = headcounts.month_start_date
            and costs_known.department = headcounts.department
    left join currency_exponents
        on costs_known.currency = currency_exponents.currency

),

-- What the month has cost up to and with the day, in whole minor units; on its last day all.
costs_running as (

    select
        costs_shown.*,
        dates.date_day,
        case
            when dates.day_number = dates.day_count then costs_shown.amount
            else
                cast(
                    {{ round_ratio(
                        'costs_shown.amount_millionths * (dates.day_number)',
                        'dates.day_count * costs_shown.minor_unit_millionths',
                    ) }} * costs_shown.minor_unit_millionths
                    as decimal(38, 0)
                ) * 0.000001
        end as running_amount,
        case
            when dates.day_number - 1 = dates.day_count then costs_shown.amount
            else
                cast(
                    {{ round_ratio(
                        'costs_shown.amount_millionths * (dates.day_number - 1)',
                        'dates.day_count * costs_shown.minor_unit_millionths',
                    ) }} * costs_shown.minor_unit_millionths
                    as decimal(38, 0)
                ) * 0.000001
        end as earlier_amount

    from costs_shown
    inner join dates
        on costs_shown.month_start_date = dates.month_start_date

),

-- Days of months nobody has booked yet, since the first day anything was spent on: what they
-- cost is unknown, not nothing.
days_of_spending as (

    select month_start_date as spent_on from cost_months
    union all
    select report_date as spent_on from ad_days

),

first_days as (

    select min(spent_on) as first_date from days_of_spending

),

days_not_booked as (

    select dates.date_day
    from dates
    cross join first_days
    anti join cost_months
        on dates.month_start_date = cost_months.month_start_date
    where dates.date_day >= first_days.first_date

)

select
    cost_id,
    date_day as report_date,
    cost_function,
    cost_type,
    shown_cost_type,
    department,
    channel,
    product_id,
    currency,
    cast(running_amount - earlier_amount as decimal(38, 6)) as amount,
    legal_entity

from costs_running
union all
select
    cast(null as varchar) as cost_id,
    date_day as report_date,
    'not_booked' as cost_function,
    '(unknown)' as cost_type,
    '(unknown)' as shown_cost_type,
    cast(null as varchar) as department,
    '(unallocated)' as channel,
    '(unallocated)' as product_id,
    cast(null as varchar) as currency,
    cast(null as decimal(38, 6)) as amount,
    '(unknown)' as legal_entity

from days_not_booked
