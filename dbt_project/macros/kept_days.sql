{#- Kept days: a table whose rows of a day follow from its dated inputs' rows of that day, and
    from small inputs without one, is computed again only for the days whose inputs changed.

    A model declares `day`, its own day column; where its rows are of several KPIs that do not
    touch each other, `key`, the column that tells them apart; and `dated`: per input the
    columns it reads and, as `days`, where its days stand (columns or expressions; a row belongs
    to each of them). An input declared without `days`, and every other relation the model
    refers to, is undated. Remembered per key and day: a fingerprint of the rows of that day and of all undated
    rows, written in the transaction that writes the rows. So a day that is new, restated or
    empty now is deleted and computed again, all of them when an undated input changes; new code
    or policies rebuild everything (`prepare_build`).

    Days suit what happens on a day. A stock is no such thing: one customer whose segment is
    corrected changes every day since the first purchase, so measures of stocks are computed
    whole, in models of their own.

    Rows are written in order of days: deleting a day then touches few row groups, and folding
    them back into the file costs a tenth of what it does when every group has lost rows.

    An input read through `changed_rows` shows the columns it declares and no others, so
    nothing is read that is not compared; only explaining a figure reads whole rows. -#}


{#- Tables of fingerprints and, while a model is built, of the days it computes again. A build
    from nothing begins with new ones, whose columns are those of this version. -#}
{% macro create_kept_days() %}
    {%- set create = 'create or replace table' if flags.FULL_REFRESH
        else 'create table if not exists' %}
    {{ create }} {{ target.schema }}._kept_days (
        model varchar not null,
        key varchar not null,
        day date not null,
        fingerprint ubigint not null
    );
    {{ create }} {{ target.schema }}._changed_days (
        model varchar not null,
        key varchar not null,
        day date not null,
        fingerprint ubigint
    )
{% endmacro %}


{#- Whether the model computes a row's day again; NULL fingerprint = no rows any more. A row without
    a day has 0001-01-01, or it could not be deleted. -#}
{% macro is_changed(column) -%}
    ({{ model.config.meta.key or "''" }}, coalesce({{ column }}, date '0001-01-01')) in (
        select (changed.key, changed.day)
        from {{ target.schema }}._changed_days as changed
        where changed.model = '{{ this.identifier }}'
    )
{%- endmacro %}


{#- What the model reads of a declared input: its columns, and only rows of changed days. -#}
{% macro changed_rows(name, input) %}
    select {{ '*' if var('explain', false) else input['columns'] | join(', ') }}
    from {{ ref(name) }}
    {% if is_incremental() and input['days'] %}
    where
        {% for column in input['days'] -%}
        {{ 'or ' if not loop.first }}{{ is_changed(column) }}
        {% endfor %}
    {% endif %}
{% endmacro %}


{#- Keeps rows of changed days: for what an input with several days brings too much of. -#}
{% macro in_changed_days(column) %}
    {%- if is_incremental() %}
    where {{ is_changed(column) }}
    {%- endif %}
{% endmacro %}


{#- Pre-hook: note the changed days, delete their rows. -#}
{% macro forget_changed_days() %}
    {% if execute and is_incremental() %}
    insert into {{ target.schema }}._changed_days
    select
        '{{ this.identifier }}',
        coalesce(found.key, kept.key),
        coalesce(found.day, kept.day),
        found.fingerprint
    from ({{ days_found() }}) as found
    full join (
        select
            key,
            day,
            fingerprint
        from {{ target.schema }}._kept_days
        where model = '{{ this.identifier }}'
    ) as kept
        on found.key = kept.key and found.day = kept.day
    where found.fingerprint is distinct from kept.fingerprint;
    delete from {{ this }}
    where {{ is_changed(model.config.meta.day) }}
    {% endif %}
{% endmacro %}


{#- Post-hook: remember what the rows were computed from. -#}
{% macro remember_days() %}
    {% if execute and is_incremental() %}
    delete from {{ target.schema }}._kept_days
    where model = '{{ this.identifier }}' and (key, day) in (
        select
            changed.key,
            changed.day
        from {{ target.schema }}._changed_days as changed
        where changed.model = '{{ this.identifier }}'
    );
    insert into {{ target.schema }}._kept_days
    select
        model,
        key,
        day,
        fingerprint
    from {{ target.schema }}._changed_days
    where model = '{{ this.identifier }}' and fingerprint is not null;
    delete from {{ target.schema }}._changed_days where model = '{{ this.identifier }}'
    {% elif execute %}
    delete from {{ target.schema }}._kept_days where model = '{{ this.identifier }}';
    insert into {{ target.schema }}._kept_days
    select
        '{{ this.identifier }}',
        found.key,
        found.day,
        found.fingerprint
    from ({{ days_found() }}) as found
    {% endif %}
{% endmacro %}


{#- One row per key and day of the inputs: its fingerprint. Whether the day has come is part of
    it, because a model leaves out days after the as-of day, and whether it is recent, because
    single members are published by day and week for recent days only and kept by day as long. -#}
{% macro days_found() %}
    {%- set dated = model.config.meta.dated %}
    {%- set with_days = dated.items() | selectattr('1.days', 'defined') | list %}
    select
        parts.key,
        parts.placed.day as day,
        hash(
            parts.placed.day <= {{ as_of_date() }},
            parts.placed.day > {{ as_of_date() }} - {{ var('recent_days') }},
            parts.placed.day > {{ as_of_date() }} - {{ var('recent_week_days') }},
            parts.placed.day >= {{ member_days_from() }},
            sum(hash(parts.placed.place, parts.part)::hugeint),
            any_value(undated.fingerprint)
        ) as fingerprint
    from (
        {% for name, input in with_days %}
        {{- 'union all' if not loop.first }}
        select
            key,
            unnest([
                {%- for column in input['days'] %}
                {
                    'place': '{{ name }}.{{ loop.index }}',
                    'day': coalesce(day_{{ loop.index }}, date '0001-01-01')
                }
                {{- ', ' if not loop.last }}
                {%- endfor %}
            ]) as placed,
            part
        from ({{ parts_of_days(name, input) }}) as days_of_input
        {% endfor %}
    ) as parts
    cross join ({{ undated_fingerprint(dated) }}) as undated
    group by 1, 2
{% endmacro %}


{#- One row per key and days of an input, with a fingerprint of its rows: they are read once,
    in however many days a row stands. -#}
{% macro parts_of_days(name, input) %}
    select
        {{ model.config.meta.key or "''" }} as key,
        {%- for column in input['days'] %}
        {{ column }} as day_{{ loop.index }},
        {%- endfor %}
    {%- if keeps_the_same_keys(name) %}
        sum(hash({{ kept_meta(name).day }}, fingerprint)::hugeint) as part
    from (
        select
            key as {{ model.config.meta.key or 'no_key' }},
            day as {{ kept_meta(name).day }},
            fingerprint
        from {{ target.schema }}._kept_days
        where model = '{{ name }}'
    ) as kept
    {%- else %}
        sum(hash({{ input['columns'] | join(', ') }})::hugeint) as part
    from {{ ref(name) }}
    {%- endif %}
    group by all
{% endmacro %}


{#- What a table that keeps days itself declares, none of another. -#}
{% macro kept_meta(name) -%}
    {%- set kept = graph.nodes.values()
        | selectattr('name', 'equalto', name)
        | selectattr('config.meta.dated', 'defined')
        | list -%}
    {{- return(kept[0].config.meta if kept else none) -}}
{%- endmacro %}


{#- Whether an input has remembered fingerprints of the very keys asked for: then its rows need
    not be read. -#}
{% macro keeps_the_same_keys(name) -%}
    {%- set kept = kept_meta(name) -%}
    {{- return(kept is not none and kept.key == model.config.meta.key) -}}
{%- endmacro %}


{#- One fingerprint of all relations the model reads and declares no days of. The build id is
    in every row and changes every night. -#}
{% macro undated_fingerprint(dated) %}
    select
        hash(
            0
            {%- for found in model.refs if found.name not in dated or not dated[found.name]['days'] %},
            (
                select hash(count(*), sum(hash(row_read)::hugeint))
                from (
                    {% if found.name in dated -%}
                    select {{ dated[found.name]['columns'] | join(', ') }}
                    {%- else -%}
                    select columns(column_name -> column_name <> 'build_id')
                    {%- endif %}
                    from {{ ref(found.name) }}
                ) as row_read
            )
            {%- endfor %}
        ) as fingerprint
{% endmacro %}


{#- First day whose single members are kept by day: the month of the oldest week they are
    published for. Before it the months, dated on their first day, hold all there is to add up. -#}
{% macro member_days_from() -%}
    {{ month_start('(' ~ as_of_date() ~ ' - ' ~ var('recent_week_days') ~ ')') }}
{%- endmacro %}


{#- Whether a day stocks are taken on shows single members: their weeks are published for the
    recent past, before it only months end with them. The week ends in between are the total's
    alone, and they are most days of an old company. -#}
{% macro shows_members(stock_day) -%}
    ({{ stock_day }} >= {{ member_days_from() }}
    or {{ month_start('(' ~ stock_day ~ ' + 1)') }} = {{ stock_day }} + 1)
{%- endmacro %}
