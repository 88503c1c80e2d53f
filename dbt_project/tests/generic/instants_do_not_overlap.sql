{#- States of one entity that overlap in time (ends are exclusive, NULL = still), or that end
    before they begin: such an entity would count twice, or never. -#}
{% test instants_do_not_overlap(model, entity, first_instant, end_instant) %}
select
    {{ entity }},
    {{ first_instant }},
    {{ end_instant }}

from {{ model }}
qualify
    {{ end_instant }} <= {{ first_instant }}
    or {{ first_instant }} < max(coalesce({{ end_instant }}, timestamptz '9999-12-31')) over (
        partition by {{ entity }}
        order by {{ first_instant }}
        rows between unbounded preceding and 1 preceding
    )
{% endtest %}
