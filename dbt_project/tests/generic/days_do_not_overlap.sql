{#- Pairs of rows of one entity whose days overlap: such an entity would count twice. -#}
{% test days_do_not_overlap(model, entity, first_day, last_day) %}
select
    {{ entity }},
    {{ first_day }},
    previous_last_day

from (
    select
        {{ entity }},
        {{ first_day }},
        lag({{ last_day }}) over (
            partition by {{ entity }}
            order by {{ first_day }}
        ) as previous_last_day

    from {{ model }}
) as compared
where {{ first_day }} <= previous_last_day
{% endtest %}
