with

versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

priced as (

    select * from {{ ref('int_subscription_item_mrr_priced') }}

)

select
    versions.item_id,
    versions.valid_from,
    versions.subscription_id,
    versions.customer_id,
    versions.status,
    versions.source_name,
    versions.source_account,
    versions.legal_entity,
    case
        when versions.customer_id is null then 'no_customer'
        when least(versions.valid_to, versions.ended_at) <= versions.valid_from
            then 'ended_before_it_began'
        else 'not_paid_for'
    end as exclusion_reason

from versions
anti join priced
    on
        versions.item_id = priced.item_id
        and versions.valid_from <= priced.paid_from
        and coalesce(versions.valid_to, timestamptz 'infinity') > priced.paid_from
