with

invoices as (

    select * from {{ ref('int_invoices_unioned') }}

),

credit_notes as (

    select * from {{ ref('int_credit_notes_unioned') }}

),

configured as (

    select
        entity.legal_entity,
        entity.functional_currency

    from (
        values
        {%- for legal_entity, currency in var('functional_currencies').items() %}
            ('{{ legal_entity | replace("'", "''") }}', '{{ currency }}'),
        {%- endfor %}
        (null, null)
    ) as entity (legal_entity, functional_currency)
    where entity.legal_entity is not null

),

-- A source that is configured no more still has its books in raw.
seen as (

    select legal_entity from invoices
    union
    select legal_entity from credit_notes

),

legal_entities as (

    select
        coalesce(configured.legal_entity, seen.legal_entity) as legal_entity,
        coalesce(configured.functional_currency, '{{ var("reporting_currency") }}')
            as functional_currency

    from configured
    full outer join seen
        on configured.legal_entity = seen.legal_entity

)

select
    legal_entity,
    functional_currency,
    '{{ var("build_id") }}' as build_id

from legal_entities
