with

rules as (

    select * from {{ ref('test_record_rules') }}

),

named as (
    {%- for entity, field, models, key in [
        ('leads', 'email', ['stg_hubspot__contacts', 'stg_files__leads'], 'lead_id'),
        (
            'accounts', 'account_name', ['stg_hubspot__companies', 'stg_files__accounts'],
            'account_id',
        ),
    ] %}
        {%- set is_first = loop.first %}
        {%- for model in models %}
            {{ 'union all' if not (is_first and loop.first) }}
            select
                '{{ entity }}' as entity,
                '{{ field }}' as field,
                source_name,
                {{ key }} as record_id,
                lower(trim({{ field }})) as text

            from {{ ref(model) }}
        {%- endfor %}
    {%- endfor %}

),

found_by_rule as (

    select
        named.entity,
        named.source_name,
        named.record_id,
        min(rules.field || ' ' || rules.match || ' ' || rules.value) as rule

    from named
    inner join rules
        on
            named.entity = rules.entity
            and named.field = rules.field
            and case rules.match
                when 'equals' then named.text = rules.value
                when 'starts_with' then starts_with(named.text, rules.value)
                when 'ends_with' then ends_with(named.text, rules.value)
                when 'contains' then contains(named.text, rules.value)
            end
    group by 1, 2, 3

),

-- What is done with a test record is a test as well.
dependents as (
    {%- for entity, model, key in [
        ('opportunities', 'stg_hubspot__deals', 'opportunity_id'),
        ('opportunities', 'stg_files__opportunities', 'opportunity_id'),
        ('activities', 'stg_hubspot__calls', 'activity_id'),
        ('activities', 'stg_hubspot__emails', 'activity_id'),
        ('activities', 'stg_hubspot__meetings', 'activity_id'),
        ('activities', 'stg_files__activities', 'activity_id'),
    ] %}
        {{ 'union all' if not loop.first }}
        select
            '{{ entity }}' as entity,
            source_name,
            {{ key }} as record_id,
            account_id,
            lead_id

        from {{ ref(model) }}
    {%- endfor %}

),

found_by_owner as (

    select
        dependents.entity,
        dependents.source_name,
        dependents.record_id,
        min(found_by_rule.rule) as rule

    from dependents
    inner join found_by_rule
        on
            dependents.source_name = found_by_rule.source_name
            and case found_by_rule.entity
                when 'leads' then dependents.lead_id
                else dependents.account_id
            end = found_by_rule.record_id
    group by 1, 2, 3

)

select * from found_by_rule
union all
select * from found_by_owner
