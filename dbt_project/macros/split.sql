{#- A whole shared in proportion to whole parts, so that the shares add up to it exactly: each
    share rounded down, the units left over go to the largest remainders, among equal ones in
    `order`. 100.00 over three equal parts is 33.34, 33.33, 33.33. `units` counts the whole in
    its smallest unit; `parts` is the sum of the parts of one `partition`. -#}
{% macro split_units(units, part, parts, partition, order) -%}
    (case when {{ units }} < 0 then -1 else 1 end) * (
        abs({{ units }}) * {{ part }} // {{ parts }}
        + case
            when
                row_number() over (
                    partition by {{ partition }}
                    order by abs({{ units }}) * {{ part }} % {{ parts }} desc, {{ order }}
                )
                <= abs({{ units }}) - sum(abs({{ units }}) * {{ part }} // {{ parts }}) over (
                    partition by {{ partition }}
                )
                then 1
            else 0
        end
    )
{%- endmacro %}


{#- Money counted in minor units of a currency with this exponent; finer parts are rounded. -#}
{% macro to_minor_units(amount, exponent) -%}
    cast(
        round(({{ amount }}) * case {{ exponent }}
            when 0 then 1 when 2 then 100 when 3 then 1000 when 4 then 10000
        end, 0)
        as hugeint
    )
{%- endmacro %}


{#- Minor units of a currency with this exponent as money. -#}
{% macro from_minor_units(units, exponent) -%}
    cast(
        cast({{ units }} as decimal(28, 0)) * case {{ exponent }}
            when 0 then 1.0000 when 2 then 0.0100 when 3 then 0.0010 when 4 then 0.0001
        end
        as decimal(38, 6)
    )
{%- endmacro %}
