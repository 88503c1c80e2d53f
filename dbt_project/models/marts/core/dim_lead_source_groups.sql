with

source_map as (

    select * from {{ ref('lead_source_map') }}

)

select distinct
    lead_source_group as lead_source_group_id,
    true as is_named

from source_map
union all
select
    '(unknown)' as lead_source_group_id,
    false as is_named
