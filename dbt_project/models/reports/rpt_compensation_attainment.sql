{#- What pay is computed from (P-08): signed once, never computed again. -#}
with

closed_figures as (

    select * from {{ ref('fct_closed_figures') }}
    where
        kpi_key = 'target_attainment'
        and breakdown = 'rep'
        and variant = 'standard'
        and grain in ('month', 'quarter')

),

restatements as (

    select * from {{ ref('rpt_restatements') }}
    where
        kpi_key = 'target_attainment'
        and breakdown = 'rep'
        and variant = 'standard'
        and grain in ('month', 'quarter')

),

closes as (

    select * from {{ ref('dim_closes') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

-- What changes later is told in the first month nobody has signed yet.
open_months as (

    select
        closes.area,
        min(dates.month_start_date) as open_month_start_date

    from closes
    inner join dates
        on closes.area_closed_through_date + 1 = dates.date_day
    group by 1

),

rows_told as (

    select
        'signed' as row_type,
        closed_figures.close_id,
        closed_figures.grain,
        closed_figures.period_start_date,
        closed_figures.period_end_date,
        closed_figures.period_start_date as told_in_date,
        closed_figures.member_id as rep_id,
        closed_figures.member_name as rep_name,
        closed_figures.currency,
        closed_figures.numerator,
        closed_figures.denominator,
        closed_figures.value as attainment,
        cast(null as varchar) as reason,
        cast(null as varchar) as restatement_id

    from closed_figures
    union all
    select
        'adjustment' as row_type,
        restatements.close_id,
        restatements.grain,
        restatements.period_start_date,
        restatements.period_end_date,
        open_months.open_month_start_date as told_in_date,
        restatements.member_id as rep_id,
        restatements.member_name as rep_name,
        restatements.currency,
        restatements.new_numerator - restatements.old_numerator as numerator,
        restatements.new_denominator - restatements.old_denominator as denominator,
        restatements.delta_value as attainment,
        restatements.cause as reason,
        restatements.restatement_id

    from restatements
    inner join open_months
        on restatements.theme = open_months.area

)

select
    {{ surrogate_key([
        'row_type', 'close_id', 'grain', 'period_start_date', 'rep_id', 'currency',
    ]) }} as compensation_attainment_id,
    row_type,
    grain,
    period_start_date,
    period_end_date,
    told_in_date,
    rep_id,
    rep_name,
    currency,
    cast(numerator as decimal(38, 6)) as revenue_amount,
    cast(denominator as decimal(38, 6)) as target_amount,
    cast(attainment as decimal(38, 6)) as attainment,
    reason,
    restatement_id,
    close_id,
    sha256(concat_ws(
        '|', row_type, close_id, grain, period_start_date, rep_id, currency,
        coalesce(cast(cast(numerator as decimal(38, 6)) as varchar), ''),
        coalesce(cast(cast(denominator as decimal(38, 6)) as varchar), ''),
        coalesce(cast(cast(attainment as decimal(38, 6)) as varchar), '')
    )) as content_hash,
    '{{ var("build_id") }}' as build_id

from rows_told
