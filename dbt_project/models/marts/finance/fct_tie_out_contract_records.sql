with

closes as (

    select * from {{ ref('fct_opportunity_closes') }}
    where is_won and is_sales_pipeline

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

contracts as (

    select * from {{ ref('int_contracts_valued') }}

),

-- A deal is of the books its contract is in: one CRM sells for several legal entities.
contract_books as (

    select
        opportunity_id,
        min(legal_entity) as legal_entity

    from contracts
    where opportunity_id is not null
    group by 1

),

-- What nobody knows the value of, has 0 to hold against the other side.
bookings as (

    select
        coalesce(contract_books.legal_entity, closes.legal_entity) as legal_entity,
        closes.currency,
        closes.closed_date as occurred_date,
        closes.opportunity_id,
        coalesce(closes.amount, 0) as amount,
        opportunities._source_ref as source_ref,
        opportunities._batch_id as batch_id

    from closes
    inner join opportunities
        on closes.opportunity_id = opportunities.opportunity_id
    left join contract_books
        on closes.opportunity_id = contract_books.opportunity_id

),

-- A deal that does not stand as won is none the contract could be held against.
contracts_referred as (

    select
        contracts.*,
        coalesce(bookings.opportunity_id, contracts.subscription_id) as reference

    from contracts
    left join bookings
        on contracts.opportunity_id = bookings.opportunity_id

),

records_stacked as (

    select
        'bookings_vs_contracts' as line,
        'warehouse' as side,
        legal_entity,
        currency,
        occurred_date,
        opportunity_id as reference,
        'opportunity' as record_type,
        opportunity_id as record_id,
        amount,
        amount as expected_amount,
        source_ref,
        batch_id

    from bookings

    union all

    select
        'bookings_vs_contracts' as line,
        'other' as side,
        legal_entity,
        currency,
        starts_on as occurred_date,
        reference,
        'subscription' as record_type,
        subscription_id as record_id,
        coalesce(contract_amount, 0) as amount,
        coalesce(contract_amount, 0) as expected_amount,
        _source_ref as source_ref,
        _batch_id as batch_id

    from contracts_referred

),

records_dated as (

    select
        *,
        cast(date_trunc('month', occurred_date) as date) as period_start_date

    from records_stacked

)

select * from records_dated
