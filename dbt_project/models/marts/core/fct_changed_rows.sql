with

changed_rows as (

    select * from {{ ref('stg_closes__changed_rows') }}

),

entity_map as (

    select * from {{ ref('entity_map') }}

)

select
    coalesce(entity_map.canonical_entity, changed_rows.entity) as entity,
    changed_rows.kind,
    changed_rows.source_name,
    changed_rows.entity as source_entity,
    changed_rows.record,
    changed_rows.change,
    changed_rows.source_ref,
    changed_rows.batch_id,
    changed_rows.load_date,
    changed_rows.changed_date,
    '{{ var("build_id") }}' as build_id

from changed_rows
left join entity_map
    on
        changed_rows.kind = entity_map.kind
        and changed_rows.entity = entity_map.entity
