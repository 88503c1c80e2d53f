{#- What is paid per month, by when: from what is subscribed, or from what was billed (D-561). -#}
{% macro mrr_priced() -%}
    {%- if policy('mrr_source') == 'subscription_state' -%}
        {{ ref('int_subscription_item_mrr_priced') }}
    {%- else -%}
        {{ ref('int_invoice_line_mrr_priced') }}
    {%- endif -%}
{%- endmacro %}


{#- What an amount billed for a time of service is a month: by its whole months, else by days, as
    MRR is. Exact to six places, not rounded to the minor unit. -#}
{% macro amount_per_month(amount, service_from, service_to) -%}
    case
        when
            {{ service_from }}
            + to_months(cast(date_diff('month', {{ service_from }}, {{ service_to }}) as integer))
            = {{ service_to }}
            then
                {{ safe_divide(
                    amount, "date_diff('month', " ~ service_from ~ ", " ~ service_to ~ ")"
                ) }}
        else
            {{ safe_divide(
                '(' ~ amount ~ ') * 365',
                "date_diff('day', " ~ service_from ~ ", " ~ service_to ~ ") * 12",
            ) }}
    end
{%- endmacro %}


{#- Products a subscription has by use alone, whose lines are no recurring fee. -#}
{% macro metered_products(item_versions, products) %}
    select
        {{ item_versions }}.subscription_id,
        coalesce({{ products }}.product_id, {{ item_versions }}.source_product_key)
            as product_id

    from {{ item_versions }}
    left join {{ products }}
        on {{ item_versions }}.source_product_key = {{ products }}.source_product_key
    group by 1, 2
    having bool_and({{ item_versions }}.usage_type = 'metered')
{% endmacro %}
