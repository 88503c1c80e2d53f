{#- Kept days: a table whose rows of a day follow from its dated inputs' rows of that day, and
    from small inputs without one, is computed again only for the days whose inputs changed.

    A model declares `day`, its own day column, and `dated`: per input the columns it reads and
    where a row's days stand, as `days` (columns or
    expressions; a row belongs to each of them) or `first` and
    `last` (a row holds for all days between, both inclusive). Every other relation it refers to
    is an undated input. Remembered per day: a fingerprint of rows of that day and of all
    undated rows, written in the transaction that writes the rows. So a day that is new,
    restated or empty now is deleted and computed again, all of them when an undated input
    changes; new code or policies rebuild everything (`prepare_build`).

    Rows are written in order of days: deleting a day then touches few row groups, and folding
    them back into the file costs a tenth of what it does when every group has lost rows.

    An input read through `changed_rows` shows the columns it declares and no others, so
    nothing is read that is not compared. -#}


{#- Tables of fingerprints and, while a model is built, of the days it computes again. -#}
{% macro create_kept_days() %}
    create table if not exists {{ target.schema }}._kept_days (
        model varchar not null,
        day date not null,
        fingerprint ubigint not null
    );
    create table if not exists {{ target.schema }}._changed_days (
        model varchar not null,
        day date not null,
        fingerprint ubigint
    )
{% endmacro %}


{#- A row without a day has one too, or it could not be deleted. -#}
{% macro day_of(column) -%}
    coalesce({{ column }}, date '0001-01-01')
{%- endmacro %}


{#- Days the model computes again; NULL fingerprint = no rows any more. -#}
{% macro changed_days() %}
    select changed.day
    from {{ target.schema }}._changed_days as changed
    where changed.model = '{{ this.identifier }}'
{% endmacro %}


{#- What the model reads of a dated input: its declared columns, and only rows of changed days. -#}
{% macro changed_rows(name, input) %}
    select
        {% if input['first'] %}{{ input['first'] }}, {{ input['last'] }}, {% endif -%}
        {{ input['columns'] | join(', ') }}
    from {{ ref(name) }}
    {% if is_incremental() and input['days'] %}
    where
        {% for column in input['days'] -%}
        {{ 'or ' if not loop.first }}{{ day_of(column) }} in ({{ changed_days() }})
        {% endfor %}
    {% endif %}
{% endmacro %}


{#- Keeps rows of changed days: for what an input with several days brings too much of. -#}
{% macro in_changed_days(column) %}
    {%- if is_incremental() %}
    where {{ day_of(column) }} in ({{ changed_days() }})
    {%- endif %}
{% endmacro %}


{#- Pre-hook: note the changed days, delete their rows. -#}
{% macro forget_changed_days() %}
    {% if execute and is_incremental() %}
    insert into {{ target.schema }}._changed_days
    select
        '{{ this.identifier }}',
        coalesce(found.day, kept.day),
        found.fingerprint
    from ({{ days_found() }}) as found
    full join (
        select
            day,
            fingerprint
        from {{ target.schema }}._kept_days
        where model = '{{ this.identifier }}'
    ) as kept
        on found.day = kept.day
    where found.fingerprint is distinct from kept.fingerprint;
    delete from {{ this }}
    where {{ day_of(model.config.meta.day) }} in ({{ changed_days() }})
    {% endif %}
{% endmacro %}


{#- Post-hook: remember what the rows were computed from. -#}
{% macro remember_days() %}
    {% if execute and is_incremental() %}
    delete from {{ target.schema }}._kept_days
    where model = '{{ this.identifier }}' and day in ({{ changed_days() }});
    insert into {{ target.schema }}._kept_days
    select
        model,
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
        found.day,
        found.fingerprint
    from ({{ days_found() }}) as found
    {% endif %}
{% endmacro %}


{#- One row per day of the inputs: its fingerprint. Whether the day has come is part of it,
    because a model leaves out days after the as-of day. -#}
{% macro days_found() %}
    {%- set dated = model.config.meta.dated %}
    select
        parts.day,
        hash(
            parts.day <= {{ as_of_date() }},
            sum(parts.part::hugeint),
            any_value(undated.fingerprint)
        ) as fingerprint
    from (
        {% for name, input in dated.items() %}
        {{- 'union all' if not loop.first }}
        {% if input['first'] %}
        {{ parts_of_terms(name, input) }}
        {% elif kept_day_of(name) %}
        {% for column in input['days'] %}
        {{- 'union all' if not loop.first }}
        select
            {{ day_of(column) }} as day,
            hash('{{ name }}.{{ loop.index }}', sum(part::hugeint)) as part
        from (
            select
                day as {{ kept_day_of(name) }},
                hash(day, fingerprint) as part
            from {{ target.schema }}._kept_days
            where model = '{{ name }}'
        ) as kept
        group by 1
        {% endfor %}
        {% else %}
        {% for column in input['days'] %}
        {{- 'union all' if not loop.first }}
        select
            {{ day_of(column) }} as day,
            hash(
                '{{ name }}.{{ loop.index }}',
                count(*),
                sum(hash({{ input['columns'] | join(', ') }})::hugeint)
            ) as part
        from {{ ref(name) }}
        group by 1
        {% endfor %}
        {% endif %}
        {% endfor %}
    ) as parts
    cross join ({{ undated_fingerprint(dated) }}) as undated
    group by 1
{% endmacro %}


{#- Day column of a table that keeps days itself: it has its fingerprints already. -#}
{% macro kept_day_of(name) -%}
    {%- set kept = graph.nodes.values()
        | selectattr('name', 'equalto', name)
        | selectattr('config.meta.dated', 'defined')
        | list -%}
    {{- return(kept[0].config.meta.day if kept else none) -}}
{%- endmacro %}


{#- Rows that hold for a time: each is added on its first day and taken off after its last, and
    the running sum is the fingerprint of a day without writing a row per day. -#}
{% macro parts_of_terms(name, input) %}
        select
            days.date_day as day,
            hash('{{ name }}', running.row_count, running.total) as part
        from {{ ref('dim_dates') }} as days
        asof inner join (
            select
                edges.day,
                sum(sum(edges.row_count)) over (order by edges.day) as row_count,
                sum(sum(edges.total)) over (order by edges.day) as total
            from (
                select
                    {{ input['first'] }} as day,
                    1 as row_count,
                    hash({{ input['columns'] | join(', ') }})::hugeint as total
                from {{ ref(name) }}
                union all
                select
                    {{ input['last'] }} + 1 as day,
                    -1 as row_count,
                    -hash({{ input['columns'] | join(', ') }})::hugeint as total
                from {{ ref(name) }}
                where {{ input['last'] }} < date '9999-12-31'
            ) as edges
            group by 1
        ) as running
            on days.date_day >= running.day
{% endmacro %}


{#- One fingerprint of all relations the model reads and declares no days of. The build id is
    in every row and changes every night. -#}
{% macro undated_fingerprint(dated) %}
    select
        hash(
            0
            {%- for found in model.refs if found.name not in dated %},
            (
                select hash(count(*), sum(hash(row_read)::hugeint))
                from (
                    select columns(column_name -> column_name <> 'build_id')
                    from {{ ref(found.name) }}
                ) as row_read
            )
            {%- endfor %}
        ) as fingerprint
{% endmacro %}
