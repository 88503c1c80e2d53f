{%- set kpi_keys = var('policies').get('leaderboard_kpis') or [] -%}
{#- What a rank is among; nothing = everybody. No column twice: DuckDB 1.5.5 takes a partition
    by (a, a, b) and one by (a, c, b) for the same. -#}
{%- set scopes = {'company': '', 'team': 'team_id,', 'department': 'department_id,'} -%}
with

scores as (

    select * from {{ ref('rpt_kpi_scorecard') }}
    where
        breakdown = 'rep'
        and grain in ('month', 'quarter')
        and variant = 'standard'
        and kpi_key in (
            {%- for kpi_key in kpi_keys %}'{{ kpi_key }}', {% endfor -%}
            ''
        )

),

fte_days as (

    select * from {{ ref('rpt_kpi_base_values') }}
    where kpi_key = 'rep_fte_days' and breakdown = 'rep' and grain in ('month', 'quarter')

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

postings as (

    select * from {{ ref('fct_user_postings') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}
    where is_reporting

),

-- The team is that of the period's last day that is over: who moved is compared where they are.
scores_placed as (

    select
        scores.*,
        registry.direction,
        registry.additivity = 'ratio' as is_ratio,
        least(scores.period_end_date, {{ as_of_date() }}) as placed_date,
        cast(
            {{ safe_divide(
                'fte_days.value',
                'least(scores.period_end_date, ' ~ as_of_date() ~ ') - scores.period_start_date + 1'
            ) }} as decimal(18, 6)
        ) as fte

    from scores
    inner join registry
        on scores.kpi_key = registry.kpi_key
    left join currencies
        on scores.currency = currencies.currency_id
    left join fte_days
        on
            scores.grain = fte_days.grain
            and scores.period_start_date = fte_days.period_start_date
            and scores.member_id = fte_days.member_id
    where
        scores.member_id <> '(unknown)'
        and (scores.currency is null or currencies.currency_id is not null)

),

-- A part-timer's count is compared as what a whole person would have made of it; a rate is
-- already fair to both.
scores_per_fte as (

    select
        scores_placed.*,
        postings.team_id,
        postings.department_id,
        case
            when scores_placed.is_ratio then scores_placed.value
            else {{ safe_divide('scores_placed.value', 'scores_placed.fte') }}
        end as value_per_fte,
        bool_or(scores_placed.attainment is not null) over (
            partition by
                scores_placed.kpi_key, scores_placed.grain, scores_placed.period_start_date
        ) as has_targets

    from scores_placed
    left join postings
        on
            scores_placed.member_id = postings.user_id
            and scores_placed.placed_date between postings.valid_from and postings.valid_to

),

scores_judged as (

    select
        *,
        case
            when value is null then 'no_value'
            when team_id is null then 'not_in_role'
            when low_sample then 'low_sample'
            when has_targets and attainment is null then 'no_target'
            when value_per_fte is null and not has_targets then 'not_in_role'
        end as unranked_reason,
        case when has_targets then 'attainment' else 'value_per_fte' end as ranked_by,
        -- Attainment knows the direction already.
        case
            when has_targets then attainment
            when direction = 'lower_is_better' then -value_per_fte
            else value_per_fte
        end as rank_value

    from scores_per_fte

),

-- Who is not ranked takes nobody's place: they are a partition of their own.
ranked as (

    select
        {%- for scope, column in scopes.items() %}
            case
                when unranked_reason is null
                    then dense_rank() over (
                        partition by
                            kpi_key,
                            grain,
                            period_start_date,
                            {{ column }}
                            unranked_reason is null
                        order by rank_value desc
                    )
            end as rank_in_{{ scope }},
        {%- endfor %}
        *

    from scores_judged

)

select
    kpi_value_id as leaderboard_id,
    kpi_key,
    kpi_version,
    grain,
    period_start_date,
    period_end_date,
    member_id as user_id,
    member_name as user_name,
    coalesce(team_id, '(unknown)') as team_id,
    coalesce(department_id, '(unknown)') as department_id,
    unit,
    currency,
    value,
    fte,
    value_per_fte,
    target_value,
    attainment,
    ranked_by,
    rank_in_company,
    rank_in_team,
    rank_in_department,
    unranked_reason,
    is_partial,
    data_through_date,
    as_of_date,
    build_id

from ranked
