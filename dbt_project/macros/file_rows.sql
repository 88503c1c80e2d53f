{#- Rows of a dropped dataset that stand, by the mode its batches declare:
    replace: the newest batch of the stream is the whole truth; replace_period: the newest
    batch whose period covers the row's day, and rows without a day only from the newest
    batch; upsert: the newest version per key; append: every row, because a file is loaded
    once, by its SHA-256.
    `day` is an expression over the entity's columns. -#}
{% macro file_rows(entity, key, day='cast(null as date)', version_column=none) %}
    with

    batches as ({{ file_batches(entity) }}),

    -- The newest replacement of each day; without a day: of the stream. Day by day and not
    -- window by window, so that a row is looked up and not compared with every window.
    replaced_days as (

        select
            source_name,
            stream,
            replaced_day,
            min(newness) as newness

        from (
            select
                source_name,
                stream,
                newness,
                cast(
                    unnest(
                        list_append(
                            generate_series(
                                window_start_date, window_end_date, interval 1 day
                            ),
                            null
                        )
                    ) as date
                ) as replaced_day

            from batches
            where mode = 'replace_period' and window_start_date is not null
        ) as covered
        group by 1, 2, 3

    ),

    standing_rows as (

        select
            landed.*,
            batches.mode as _mode

        from {{ source('files', entity) }} as landed
        inner join batches
            on landed._batch_id = batches.batch_id
        left join replaced_days
            on
                batches.source_name = replaced_days.source_name
                and batches.stream = replaced_days.stream
                and {{ day }} is not distinct from replaced_days.replaced_day
        where coalesce(replaced_days.newness >= batches.newness, true)

    )

    select * exclude (_mode)
    from standing_rows
    qualify
        _mode <> 'upsert'
        or row_number() over (
            partition by source_name, source_account, _mode, {{ key | join(', ') }}
            order by
                {%- if version_column %}
                {{ version_column }} desc nulls last,
                {%- endif %}
                _load_date desc,
                _extracted_at desc,
                _row_hash desc
        ) = 1
{% endmacro %}


{#- Every landed version of a dropped entity, those that stand marked `is_standing`: what a
    record without a change history looked like is known from the loads it was seen in. -#}
{% macro file_versions(entity, key, day='cast(null as date)', version_column=none) %}
    select
        versions.*,
        standing._source_ref is not null as is_standing,
        min(versions._load_date) over (
            partition by versions.source_name, versions.{{ key | join(', versions.') }}
        ) as first_load_date

    from ({{ live_rows('files', entity) }}) as versions
    left join (
        select distinct
            _batch_id,
            _source_ref

        from ({{ file_rows(entity, key, day, version_column) }}) as rows_that_stand
    ) as standing
        on
            versions._batch_id = standing._batch_id
            and versions._source_ref = standing._source_ref
{% endmacro %}


{#- Batches of a dropped entity that are not older than the newest full replacement of their
    stream, numbered from the newest (1): nothing of an older one stands. -#}
{% macro file_batches(entity) %}
    select
        batch_id,
        source_name,
        stream,
        mode,
        window_start_date,
        window_end_date,
        newness

    from (
        select
            batch_id,
            source_name,
            stream,
            mode,
            min(window_start_date) as window_start_date,
            max(window_end_date) as window_end_date,
            row_number() over (
                partition by source_name, stream
                order by load_date desc, extracted_at desc, batch_id desc
            ) as newness

        from ({{ live_batches('files', entity) }}) as live
        group by batch_id, source_name, stream, mode, load_date, extracted_at
    ) as numbered
    qualify newness <= coalesce(
        min(case when mode = 'replace' then newness end) over (
            partition by source_name, stream
        ),
        newness
    )
{% endmacro %}
