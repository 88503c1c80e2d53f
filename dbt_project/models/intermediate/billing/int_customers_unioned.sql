with

stripe_customers as (

    select * from {{ ref('stg_stripe__customers') }}

),

file_customers as (

    select * from {{ ref('stg_files__customers') }}

),

customers_stacked as (

    select
        customer_id,
        account_id,
        customer_name,
        country,
        currency,
        created_at,
        is_deleted,
        source_name,
        source_account,
        legal_entity,
        _batch_id,
        1 as precedence

    from stripe_customers

    union all

    select
        customer_id,
        account_id,
        customer_name,
        country,
        currency,
        created_at,
        coalesce(is_deleted, false) as is_deleted,
        source_name,
        source_account,
        legal_entity,
        _batch_id,
        2 as precedence

    from file_customers

),

customers_keyed as (

    select
        {{ record_key('customer_id') }} as customer_id,
        customer_id as source_customer_id,
        account_id as source_account_id,
        customer_name,
        country,
        currency,
        created_at,
        is_deleted,
        source_name,
        source_account,
        legal_entity,
        _batch_id

    from customers_stacked
    where coalesce(created_at < {{ as_of_end() }}, true)
    -- A one-time history export repeats records its vendor still delivers; the vendor's
    -- own is the newer knowledge.
    qualify row_number() over (
        partition by source_name, customer_id
        order by precedence, source_account
    ) = 1

)

select * from customers_keyed
