with

stripe_products as (

    select * from {{ ref('stg_stripe__products') }}

),

file_products as (

    select * from {{ ref('stg_files__products') }}

),

products_stacked as (

    select
        product_id,
        product_code,
        product_name,
        cast(null as varchar) as category,
        source_name,
        source_account,
        legal_entity,
        1 as precedence

    from stripe_products

    union all

    select
        product_id,
        product_id as product_code,
        product_name,
        category,
        source_name,
        source_account,
        legal_entity,
        2 as precedence

    from file_products

),

-- A product code is what CRM, billing and costs share, so it is the company's key; without
-- one the product is known to its own source only.
products_keyed as (

    select
        {{ record_key('product_id') }} as source_product_key,
        coalesce(
            nullif(trim(product_code), ''), {{ record_key('product_id') }}
        ) as product_id,
        product_name,
        category,
        source_name,
        source_account,
        legal_entity

    from products_stacked
    qualify row_number() over (
        partition by source_name, product_id
        order by precedence, source_account
    ) = 1

)

select * from products_keyed
