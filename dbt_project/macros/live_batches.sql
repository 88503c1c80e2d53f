{#- Batches a model may read: live in the ledger and landed by the load date of this build.
    The ledger, not the folder, says what is promoted, so a Parquet file left behind by a
    killed promotion is never read, and an older date can be replayed beside newer loads. -#}
{% macro live_batches(kind, entity) %}
    select
        batch_id,
        source_name,
        source_account,
        stream,
        mode,
        load_date,
        extracted_at,
        window_start_date,
        window_end_date

    from {{ source('ledger', '_batches') }}
    where
        kind = '{{ kind }}'
        and entity = '{{ entity }}'
        and load_date <= date '{{ var("load_date") }}'
{% endmacro %}


{#- Rows of the live batches, all versions. -#}
{% macro live_rows(kind, entity) %}
    select landed.*
    from {{ source(kind, entity) }} as landed
    where landed._batch_id in (
        select batches.batch_id from ({{ live_batches(kind, entity) }}) as batches
    )
{% endmacro %}
