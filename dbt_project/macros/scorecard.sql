{#- Attainment by direction: actual over target, or target over actual where less is better;
    NULL without a target or with a target of 0. -#}
{% macro attainment(value, target, direction) -%}
    case
        when {{ target }} is null or {{ target }} = 0 then null
        when {{ direction }} = 'lower_is_better' then {{ safe_divide(target, value) }}
        else {{ safe_divide(value, target) }}
    end
{%- endmacro %}


{#- Growth over a base value (R-PARTIAL, R-BASE): NULL where the two are not comparable or
    there is nothing, or less than nothing, to grow from. -#}
{% macro growth_rate(value, base, is_incomparable) -%}
    case
        when {{ is_incomparable }} or {{ base }} <= 0 then null
        else {{ safe_divide(value ~ ' - ' ~ base, base) }}
    end
{%- endmacro %}


{#- Difference to a base value; for rates it is in points (0.05 = five points). -#}
{% macro difference(value, base, is_incomparable) -%}
    cast(
        case when not ({{ is_incomparable }}) then {{ value }} - {{ base }} end
        as decimal(38, 6)
    )
{%- endmacro %}
