{#- Which batch tells each source, account and day: the newest one whose window covers the
    day. Only days whose batch the model has not consumed: those are the ones to read. The
    winner is found among all live batches, so an older load promoted late wins nothing. -#}
{% macro winning_days(kind, entity) %}
    select covered.*
    from (
        select
            batches.batch_id,
            batches.source_name,
            batches.source_account,
            batches.load_date,
            batches.extracted_at,
            unnest(generate_series(
                batches.window_start_date::timestamp,
                batches.window_end_date::timestamp,
                interval 1 day
            ))::date as covered_date

        from ({{ live_batches(kind, entity) }}) as batches
    ) as covered
    qualify
        row_number() over (
            partition by
                covered.source_name, covered.source_account, covered.covered_date
            order by
                covered.load_date desc, covered.extracted_at desc, covered.batch_id desc
        ) = 1
        and covered.batch_id in (
            select unconsumed.batch_id
            from ({{ unconsumed_batches(kind, entity) }}) as unconsumed
        )
{% endmacro %}


{#- Restated daily facts: for each source, account and day the newest batch whose window
    covers the day wins as a whole. Comparing rows instead would keep a row that vanished
    from the newer extract for ever. -#}
{% macro newest_covering_load(kind, entity, date_column='date') %}
    select landed.*
    from {{ source(kind, entity) }} as landed
    inner join ({{ winning_days(kind, entity) }}) as winning
        on
            landed._batch_id = winning.batch_id
            and landed.source_account = winning.source_account
            and landed.{{ date_column }} = winning.covered_date
{% endmacro %}
