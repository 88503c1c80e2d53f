{#- What of an amount is recognised when so many of its days of service have passed: a straight
    line rounded to the minor unit as a running total (R-SPLIT), so that each period's part is the
    difference of two of them and the parts add up to the amount exactly. Money in, money out. -#}
{% macro recognised_amount(amount, exponent, elapsed_days, service_days) -%}
    case
        when {{ elapsed_days }} >= {{ service_days }} then cast({{ amount }} as decimal(38, 4))
        when {{ elapsed_days }} <= 0 then cast(0 as decimal(38, 4))
        else
            cast(
                {{ from_minor_units(
                    round_ratio(
                        to_minor_units(amount, 4) ~ ' * ' ~ elapsed_days,
                        '(' ~ service_days ~ ') * case ' ~ exponent
                        ~ ' when 0 then 10000 when 2 then 100 when 3 then 10 when 4 then 1 end'
                    ),
                    exponent
                ) }}
                as decimal(38, 4)
            )
    end
{%- endmacro %}
