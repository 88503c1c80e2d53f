with

batches as (

    select * from {{ ref('stg_ledger__batches') }}

),

entity_map as (

    select * from {{ ref('entity_map') }}

),

test_records as (

    select
        source_name,
        entity,
        count(*) as test_record_count

    from {{ ref('int_test_records_found') }}
    group by 1, 2

),

-- Costs are booked a month at a time: they are known to the end of the newest one.
costs_booked as (

    select
        source_name,
        max({{ next_month_start(stated_month_start('month')) }} - 1) as last_booked_date

    from {{ ref('stg_files__costs') }}
    group by 1

),

-- A batch that covers several accounts is one batch.
batches_once as (

    select distinct
        batch_id,
        kind,
        source_name,
        entity,
        load_date,
        window_end_date,
        row_count,
        quarantined_count

    from batches

),

entities_loaded as (

    select
        batches_once.source_name,
        batches_once.kind,
        coalesce(entity_map.canonical_entity, batches_once.entity) as entity,
        -- A vendor is read to the end of the day before the load; a file tells nothing
        -- about the days after it, so it is never what makes a period incomplete.
        case
            when bool_or(batches_once.entity = 'costs')
                then
                    least(
                        coalesce(max(costs_booked.last_booked_date), {{ as_of_date() }}),
                        {{ as_of_date() }}
                    )
            when batches_once.kind = 'files' then {{ as_of_date() }}
            else least(max(batches_once.load_date) - 1, {{ as_of_date() }})
        end as data_through_date,
        max(batches_once.load_date) as last_load_date,
        sum(batches_once.row_count) filter (
            where batches_once.load_date = date '{{ var("load_date") }}'
        ) as loaded_tonight_count,
        sum(batches_once.quarantined_count) filter (
            where batches_once.load_date = date '{{ var("load_date") }}'
        ) as quarantined_tonight_count

    from batches_once
    left join entity_map
        on
            batches_once.kind = entity_map.kind
            and batches_once.entity = entity_map.entity
    left join costs_booked
        on batches_once.source_name = costs_booked.source_name
    group by 1, 2, 3

)

select
    entities_loaded.source_name || ':' || entities_loaded.kind || ':' || entities_loaded.entity
        as source_entity_id,
    entities_loaded.source_name,
    entities_loaded.kind,
    entities_loaded.entity,
    entities_loaded.data_through_date,
    entities_loaded.entity <> 'costs' as is_by_day,
    entities_loaded.last_load_date,
    coalesce(entities_loaded.loaded_tonight_count, 0)::bigint as loaded_tonight_count,
    coalesce(entities_loaded.quarantined_tonight_count, 0)::bigint
        as quarantined_tonight_count,
    coalesce(test_records.test_record_count, 0)::bigint as test_record_count,
    '{{ var("build_id") }}' as build_id

from entities_loaded
left join test_records
    on
        entities_loaded.source_name = test_records.source_name
        and entities_loaded.entity = test_records.entity
