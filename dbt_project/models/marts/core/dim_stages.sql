with

stages as (

    select * from {{ ref('int_stages_mapped') }}

),

-- One stage word used by two sources is one member of the breakdown.
stages_once as (

    select *
    from stages
    qualify row_number() over (
        partition by stage
        order by source_name
    ) = 1

)

select
    stage as stage_id,
    stage_label as stage_name,
    stage_group,
    status,
    display_order,
    probability,
    pipeline,
    coalesce(pipeline_label, pipeline) as pipeline_name,
    is_sales_pipeline

from stages_once
union all
select
    '(unknown)' as stage_id,
    '(unknown)' as stage_name,
    '(unknown)' as stage_group,
    null as status,
    null as display_order,
    null as probability,
    null as pipeline,
    null as pipeline_name,
    null as is_sales_pipeline
