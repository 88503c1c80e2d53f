with

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where not is_merged_away and not is_deleted and is_sales_pipeline

),

versions as (

    select * from {{ ref('int_opportunities_versioned') }}
    where stage is not null and status is not null

),

stages as (

    select * from {{ ref('int_stages_mapped') }}
    where is_sales_pipeline

),

users as (

    select * from {{ ref('int_users_versioned') }}

),

described_opportunities as (

    select * from {{ ref('fct_opportunities') }}

),

-- Files name no order of their stages; their groups have one.
open_stages as (

    select
        source_name,
        pipeline,
        stage,
        coalesce(
            display_order,
            case stage_group when 'start' then 1 when 'proof' then 2 when 'close' then 3 end
        ) as stage_order

    from stages
    where coalesce(status, 'open') = 'open' and stage_group not in ('won', 'lost')

),

-- Won is beyond every stage, lost is nowhere on the way.
entries as (

    select
        opportunities.opportunity_id,
        opportunities.source_name,
        opportunities.pipeline,
        versions.stage,
        versions.status,
        versions.rep_id,
        versions.valid_from as entered_at,
        case versions.status when 'won' then 1000000 when 'open' then open_stages.stage_order end
            as stage_order

    from opportunities
    inner join versions
        on opportunities.opportunity_id = versions.opportunity_id
    left join open_stages
        on
            opportunities.source_name = open_stages.source_name
            and versions.stage = open_stages.stage
    window
        by_time as (
            partition by opportunities.opportunity_id
            order by versions.valid_from
        )
    qualify
        versions.stage is distinct from lag(versions.stage) over by_time
        or versions.status is distinct from lag(versions.status) over by_time

),

visits as (

    select
        opportunity_id,
        stage,
        status,
        {{ report_date('entered_at') }} as entered_date,
        {{ report_date('lead(entered_at) over by_time') }} as left_date

    from entries
    window by_time as (
        partition by opportunity_id
        order by entered_at
    )

),

-- Several visits of one stage add up.
stays as (

    select
        opportunity_id,
        stage,
        sum(coalesce(left_date, {{ as_of_date() }}) - entered_date)::bigint as stage_days,
        bool_or(left_date is null) as is_ongoing,
        case when not bool_or(left_date is null) then max(left_date) end as left_date,
        count(*) as visit_count

    from visits
    where status = 'open'
    group by 1, 2

),

-- A stage is reached by entering it or any later one, and passed by entering any later one:
-- what was skipped is passed, moving back undoes nothing.
progress as (

    select
        entries.opportunity_id,
        open_stages.stage,
        min(entries.entered_at) as reached_at,
        arg_min(coalesce(entries.rep_id, '(unknown)'), entries.entered_at) as rep_id,
        min(entries.entered_at) filter (
            where entries.stage_order > open_stages.stage_order
        ) as passed_at

    from entries
    inner join open_stages
        on
            entries.source_name = open_stages.source_name
            and entries.stage_order >= open_stages.stage_order
    where open_stages.pipeline is null or open_stages.pipeline = entries.pipeline
    group by 1, 2

)

select
    progress.opportunity_id || ':' || progress.stage as stage_visit_id,
    progress.opportunity_id,
    progress.stage,
    {{ report_date('progress.reached_at') }} as reached_date,
    {{ report_date('progress.passed_at') }} as passed_date,
    coalesce(stays.visit_count, 0) as visit_count,
    stays.stage_days,
    stays.left_date,
    case when stays.is_ongoing then {{ as_of_date() }} end as ongoing_on_date,
    progress.rep_id,
    coalesce(users.team_id, '(unknown)') as team_id,
    coalesce(users.department_id, '(unknown)') as department_id,
    described_opportunities.segment,
    described_opportunities.legal_entity,
    '{{ var("build_id") }}' as build_id

from progress
inner join described_opportunities
    on progress.opportunity_id = described_opportunities.opportunity_id
left join stays
    on
        progress.opportunity_id = stays.opportunity_id
        and progress.stage = stays.stage
left join users
    on
        progress.rep_id = users.user_id
        and {{ report_date('progress.reached_at') }}
        between users.credited_from and users.credited_to
