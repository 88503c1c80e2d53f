{#- A switch may change what a KPI reads, is named after or waits for; which KPIs it is about is
    what their row says (`policies`). -#}
{%- set basis = policy('sales_revenue_basis') -%}
{%- set basis_words = {
    'invoiced': ('theo hóa đơn', 'invoiced'),
    'booked': ('theo giá trị ký', 'booked'),
    'collected': ('theo thực thu', 'collected'),
    'recognised': ('theo ghi nhận', 'recognised'),
}[basis] -%}
with

registry as (

    select * from {{ ref('kpi_registry') }}

),

texts as (

    select * from {{ ref('policy_texts') }}

),

labels as (

    select * from {{ ref('published_labels') }}

),

policies_passed as (

    select '{{ var("policies") | tojson }}' as policies

),

policy_names as (

    select
        policies,
        unnest(json_keys(policies)) as policy_name

    from policies_passed

),

policies_in_force as (

    select
        policy_name,
        json_extract_string(policies, '$.' || policy_name) as policy_value,
        case
            when json_type(policies, '$.' || policy_name) = 'ARRAY'
                then cast(json_extract(policies, '$.' || policy_name) as varchar[])
            else [json_extract_string(policies, '$.' || policy_name)]
        end as members

    from policy_names

),

policy_members as (

    select
        policy_name,
        unnest(members) as member,
        generate_subscripts(members, 1) as member_order

    from policies_in_force

),

-- What stands in a text for `{value}`: words, never codes. A list with nothing in it says so.
policies_said as (

    select
        texts.policy,
        texts.option,
        coalesce(
            string_agg(
                coalesce(labels.label_vi, policy_members.member), ', '
                order by policy_members.member_order
            ),
            'không có'
        ) as said_vi,
        coalesce(
            string_agg(
                coalesce(labels.label_en, policy_members.member), ', '
                order by policy_members.member_order
            ),
            'none'
        ) as said_en

    from texts
    left join policy_members
        on texts.policy = policy_members.policy_name
    left join labels
        on
            texts.value_labels = labels.code_type
            and policy_members.member = labels.code
    where texts.option = '*'
    group by 1, 2

),

policies_of_kpis as (

    select
        key as kpi_key,
        unnest(string_split(policies, '|')) as policy_name

    from registry
    where policies is not null

),

-- The version names the definition and the switches it was computed with: a changed policy
-- is another figure under the same name.
policy_values as (

    select
        policies_of_kpis.kpi_key,
        string_agg(
            policies_in_force.policy_name || '=' || policies_in_force.policy_value,
            '|'
            order by policies_in_force.policy_name
        ) as policy_values

    from policies_of_kpis
    inner join policies_in_force
        on policies_of_kpis.policy_name = policies_in_force.policy_name
    group by 1

),

-- What a switch set otherwise changes about a definition: it takes the place of the text of a
-- KPI named, and is said after that of any other KPI the switch is about.
policy_texts as (

    select
        policies_of_kpis.kpi_key,
        texts.policy,
        texts.kpi_key is not null as is_definition,
        replace(texts.text_vi, '{value}', coalesce(policies_said.said_vi, '')) as text_vi,
        replace(texts.text_en, '{value}', coalesce(policies_said.said_en, '')) as text_en,
        texts.formula,
        -- A text of the KPI itself says all there is to say about the switch.
        bool_or(texts.kpi_key is not null) over (
            partition by policies_of_kpis.kpi_key, texts.policy
        ) as has_definition

    from policies_of_kpis
    inner join policies_in_force
        on policies_of_kpis.policy_name = policies_in_force.policy_name
    inner join texts
        on
            policies_in_force.policy_name = texts.policy
            and policies_of_kpis.kpi_key = coalesce(texts.kpi_key, policies_of_kpis.kpi_key)
            and (
                policies_in_force.policy_value = texts.option
                or (
                    texts.option = '*'
                    and policies_in_force.policy_value <> texts.default_value
                )
            )
    left join policies_said
        on
            texts.policy = policies_said.policy
            and texts.option = policies_said.option

),

policy_words as (

    select
        kpi_key,
        max(text_vi) filter (where is_definition) as definition_vi,
        max(text_en) filter (where is_definition) as definition_en,
        max(formula) filter (where is_definition) as formula,
        string_agg(' ' || text_vi, '' order by policy) filter (where not has_definition)
            as sentences_vi,
        string_agg(' ' || text_en, '' order by policy) filter (where not has_definition)
            as sentences_en

    from policy_texts
    group by 1

),

needed_entities as (

    select
        key as kpi_key,
        unnest(string_split(required_entities, '|')) as entity

    from registry

),

sources_checked as (

    select
        kpi_key,
        bool_and(
            list_contains(
                cast({{ var('configured_entities') }} as varchar[]), entity
            )
        ) as has_source

    from needed_entities
    group by 1

)

select
    registry.key as kpi_key,
    registry.version
    || '+'
    || coalesce(left(md5(policy_values.policy_values), 8), 'none') as version,
    -- The basis of sales stands in the shown name.
    case
        when {{ names_policy('sales_revenue_basis') }}
            then replace(registry.name_vi, 'theo hóa đơn', '{{ basis_words[0] }}')
        else registry.name_vi
    end as name_vi,
    case
        when {{ names_policy('sales_revenue_basis') }}
            then regexp_replace(registry.name_en, '[Ii]nvoiced', '{{ basis_words[1] }}')
        else registry.name_en
    end as name_en,
    coalesce(policy_words.definition_vi, registry.definition_vi)
    || coalesce(policy_words.sentences_vi, '') as definition_vi,
    coalesce(policy_words.definition_en, registry.definition_en)
    || coalesce(policy_words.sentences_en, '') as definition_en,
    coalesce(policy_words.formula, registry.formula) as formula,
    registry.unit,
    registry.direction,
    registry.additivity,
    registry.aggregation,
    -- The basis that is standard is no variant, the one it took the place of is.
    case
        when {{ names_policy('sales_revenue_basis') }}
            then replace(registry.variants, '{{ basis }}', 'invoiced')
        else registry.variants
    end as variants,
    -- Credit is decided when the window of attribution has ended.
    -- Results dated by the win are there with it.
    case
        when
            registry.key = 'win_rate' and '{{ policy("win_rate_base") }}' = 'created_cohort'
            then 365
        when
            '{{ policy("ad_conversion_date") }}' = 'conversion_date'
            and {{ names_policy('ad_conversion_date') }}
            then null
        when
            registry.window_days is not null
            and {{ names_policy('attribution_window_days') }}
            then {{ policy('attribution_window_days') }}
        else cast(registry.window_days as integer)
    end as window_days,
    -- The margin may be left out of what a customer is worth.
    case
        when
            '{{ policy("ltv_margin") }}' = 'without_margin'
            and {{ names_policy('ltv_margin') }}
            then replace(registry.numerator_kpis, 'gross_margin_rate*', '')
        else registry.numerator_kpis
    end as numerator_kpis,
    replace(registry.denominator_kpis, '/{{ basis }}', '') as denominator_kpis,
    registry.theme,
    -- Recognised revenue is official by month.
    case
        when '{{ basis }}' = 'recognised' and {{ names_policy('sales_revenue_basis') }}
            then replace(registry.lowest_grain, 'day', 'month')
        else registry.lowest_grain
    end as lowest_grain,
    registry.grains,
    registry.breakdowns,
    registry.required_entities,
    registry.policies,
    policy_values.policy_values,
    registry.frequency,
    registry.data_source,
    registry.owner,
    registry.approved_by,
    registry.indicator_class,
    registry.supports_kpi_key,
    case
        when registry.key = 'win_rate' and '{{ policy("win_rate_base") }}' = 'created_cohort'
            then 'window_end'
        when
            '{{ policy("ad_conversion_date") }}' = 'conversion_date'
            and {{ names_policy('ad_conversion_date') }}
            then 'period_close'
        else registry.freezes_at
    end as freezes_at,
    registry.caveats_vi,
    registry.caveats_en,
    registry.valid_from,
    cast(registry.valid_to as date) as valid_to,
    sources_checked.has_source,
    '{{ var("build_id") }}' as build_id

from registry
inner join sources_checked
    on registry.key = sources_checked.kpi_key
left join policy_values
    on registry.key = policy_values.kpi_key
left join policy_words
    on registry.key = policy_words.kpi_key
