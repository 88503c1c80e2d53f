with

deal_stages as (

    select * from {{ ref('stg_hubspot__deal_stages') }}

),

file_opportunities as (

    select * from {{ ref('stg_files__opportunities') }}

),

file_changes as (

    select * from {{ ref('stg_files__opportunity_changes') }}

),

stage_map as (

    select * from {{ ref('stage_map') }}

),

pipeline_map as (

    select * from {{ ref('pipeline_map') }}

),

hubspot_stages as (

    select
        'hubspot' as source_kind,
        source_name,
        stage,
        pipeline,
        pipeline_label,
        stage_label,
        display_order,
        probability,
        is_closed

    from deal_stages
    -- Stage ids are unique in a portal; a stage moved to another pipeline counts once.
    qualify row_number() over (
        partition by source_name, stage
        order by _load_date desc, pipeline asc
    ) = 1

),

file_stage_names as (

    select
        source_name,
        stage

    from file_opportunities
    union
    select
        source_name,
        new_value as stage

    from file_changes
    where field = 'stage'

),

file_stages as (

    select
        'files' as source_kind,
        source_name,
        stage,
        cast(null as varchar) as pipeline,
        cast(null as varchar) as pipeline_label,
        stage as stage_label,
        cast(null as bigint) as display_order,
        cast(null as decimal(38, 6)) as probability,
        -- A file states the status itself; its stage names decide nothing.
        cast(null as boolean) as is_closed

    from file_stage_names
    where stage is not null

),

stages as (

    select * from hubspot_stages
    union all
    select * from file_stages

)

select
    stages.source_name,
    stages.stage,
    stages.pipeline,
    stages.pipeline_label,
    stages.stage_label,
    stages.display_order,
    stages.probability,
    -- HubSpot has no status: closed with probability 1 is won, closed otherwise is lost.
    case
        when stages.is_closed is null then null
        when not stages.is_closed then 'open'
        when stages.probability = 1 then 'won'
        else 'lost'
    end as status,
    coalesce(
        stage_map.stage_group,
        case
            when not stages.is_closed then 'open'
            when stages.is_closed and stages.probability = 1 then 'won'
            when stages.is_closed then 'lost'
        end,
        '(unknown)'
    ) as stage_group,
    -- A pipeline is sales unless the map says otherwise: most companies have one, unnamed.
    coalesce(pipeline_by_id.is_sales, pipeline_by_label.is_sales, true) as is_sales_pipeline

from stages
left join stage_map
    on
        stages.source_kind = stage_map.source_kind
        and lower(stages.stage) = stage_map.stage
left join pipeline_map as pipeline_by_id
    on lower(stages.pipeline) = pipeline_by_id.pipeline
left join pipeline_map as pipeline_by_label
    on lower(stages.pipeline_label) = pipeline_by_label.pipeline
