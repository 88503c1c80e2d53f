{#- Restated daily facts: for each source, account and day the newest batch whose window
    covers the day wins as a whole. Comparing rows instead would keep a row that vanished
    from the newer extract for ever. -#}
{% macro newest_covering_load(kind, entity, date_column='date') %}
    with

    covered_days as (

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

    ),

    winning_batches as (

        select *
        from covered_days
        qualify row_number() over (
            partition by source_name, source_account, covered_date
            order by load_date desc, extracted_at desc, batch_id desc
        ) = 1

    )

    select landed.*
    from {{ source(kind, entity) }} as landed
    inner join winning_batches
        on
            landed._batch_id = winning_batches.batch_id
            and landed.source_account = winning_batches.source_account
            and landed.{{ date_column }} = winning_batches.covered_date
{% endmacro %}
