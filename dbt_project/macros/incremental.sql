{#- Incremental staging: cost follows the new batches, not the history.

    Every model remembers the ids of the batches it has consumed, written in the transaction
    that writes its rows, so a build killed anywhere goes on where it stood. A date or a
    maximum would not do: a batch of an older day can be promoted later. A batch that is
    replaced after it was consumed makes orchestration rebuild everything
    (`--full-refresh`), because its rows must go again. -#}


{#- Table of consumed batches; created when a run starts. -#}
{% macro consumed_batches() -%}
    {{ target.schema }}._consumed_batches
{%- endmacro %}


{% macro create_consumed_batches() %}
    create schema if not exists {{ target.schema }};
    create table if not exists {{ consumed_batches() }} (
        model varchar not null,
        batch_id varchar not null
    )
{% endmacro %}


{#- Live batches the model has not consumed; all of them when it is built from scratch. -#}
{% macro unconsumed_batches(kind, entity) %}
    select live.*
    from ({{ live_batches(kind, entity) }}) as live
    {% if is_incremental() %}
    where live.batch_id not in (
        select consumed.batch_id
        from {{ consumed_batches() }} as consumed
        where consumed.model = '{{ this.identifier }}'
    )
    {% endif %}
{% endmacro %}


{#- Rows of those batches, all versions. -#}
{% macro unconsumed_rows(kind, entity) %}
    select landed.*
    from {{ source(kind, entity) }} as landed
    where landed._batch_id in (
        select batches.batch_id from ({{ unconsumed_batches(kind, entity) }}) as batches
    )
{% endmacro %}


{#- Post-hook: these batches are consumed now. -#}
{% macro remember_batches(kind, entity) %}
    {% if not is_incremental() %}
    delete from {{ consumed_batches() }} where model = '{{ this.identifier }}';
    {% endif %}
    insert into {{ consumed_batches() }}
    select distinct '{{ this.identifier }}', batch_id
    from ({{ unconsumed_batches(kind, entity) }}) as batches
{% endmacro %}


{#- Newest version per record among new rows and the rows already kept for the same records.
    `staged` names the CTE of new rows in the model's own columns. -#}
{% macro newest_of(staged, key, version_column=none) %}
    {%- set record = ['source_name', 'source_account'] + key %}
    select *
    from (
        select * from {{ staged }}
        {% if is_incremental() %}
        union all by name
        select kept.*
        from {{ this }} as kept
        where ({{ record | join(', ') }}) in (
            select ({{ record | join(', ') }}) from {{ staged }}
        )
        {% endif %}
    ) as versions
    {{ latest_version(key, version_column) }}
{% endmacro %}


{#- Pre-hook of restated daily facts: the days that unconsumed batches restate go, in the same
    transaction as their new rows come. A day the newest load covers without a row thus
    vanishes; deleting by the keys of new rows would keep it for ever. -#}
{% macro forget_restated_days(kind, entity) %}
    {% if is_incremental() %}
    delete from {{ this }}
    where (source_name, source_account, date) in (
        select (source_name, source_account, covered_date)
        from ({{ winning_days(kind, entity) }}) as winning
    )
    {% endif %}
{% endmacro %}
