with

registry as (

    select * from {{ ref('kpi_registry') }}

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
        json_extract_string(policies, '$.' || policy_name) as policy_value

    from policy_names

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
policy_hashes as (

    select
        policies_of_kpis.kpi_key,
        left(
            md5(string_agg(
                policies_in_force.policy_name || '=' || policies_in_force.policy_value,
                '|'
                order by policies_in_force.policy_name
            )),
            8
        ) as policy_hash

    from policies_of_kpis
    inner join policies_in_force
        on policies_of_kpis.policy_name = policies_in_force.policy_name
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
    registry.version || '+' || coalesce(policy_hashes.policy_hash, 'none') as version,
    registry.name_vi,
    registry.name_en,
    registry.definition_vi,
    registry.definition_en,
    registry.formula,
    registry.unit,
    registry.direction,
    registry.additivity,
    registry.aggregation,
    registry.variants,
    -- Credit is decided when the window of attribution has ended.
    case
        when
            registry.window_days is not null
            and list_contains(
                string_split(registry.policies, '|'), 'attribution_window_days'
            )
            then {{ policy('attribution_window_days') }}
        else cast(registry.window_days as integer)
    end as window_days,
    -- The margin may be left out of what a customer is worth.
    case
        when
            '{{ policy("ltv_margin") }}' = 'without_margin'
            and list_contains(string_split(registry.policies, '|'), 'ltv_margin')
            then replace(registry.numerator_kpis, 'gross_margin_rate*', '')
        else registry.numerator_kpis
    end as numerator_kpis,
    registry.denominator_kpis,
    registry.theme,
    registry.lowest_grain,
    registry.grains,
    registry.breakdowns,
    registry.required_entities,
    registry.policies,
    registry.frequency,
    registry.data_source,
    registry.owner,
    registry.approved_by,
    registry.indicator_class,
    registry.supports_kpi_key,
    registry.freezes_at,
    registry.caveats_vi,
    registry.caveats_en,
    registry.valid_from,
    cast(registry.valid_to as date) as valid_to,
    sources_checked.has_source,
    '{{ var("build_id") }}' as build_id

from registry
inner join sources_checked
    on registry.key = sources_checked.kpi_key
left join policy_hashes
    on registry.key = policy_hashes.kpi_key
