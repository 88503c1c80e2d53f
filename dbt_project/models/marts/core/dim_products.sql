with

products as (

    select * from {{ ref('int_billing_products_unioned') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}

),

opportunity_lines as (

    select * from {{ ref('stg_files__opportunity_lines') }}

),

named_products as (

    select
        product_id,
        min(product_name) as product_name,
        min(category) as category

    from products
    group by 1

),

-- Products that deals name and no product list knows stay visible under their own word.
mentioned_products as (

    select product_id from opportunities
    union
    select product_id from opportunity_lines

)

select
    product_id,
    coalesce(product_name, product_id) as product_name,
    category,
    true as is_listed

from named_products
union all
select
    mentioned_products.product_id,
    mentioned_products.product_id as product_name,
    null as category,
    false as is_listed

from mentioned_products
anti join named_products
    on mentioned_products.product_id = named_products.product_id
where mentioned_products.product_id is not null
union all
select
    '(unknown)' as product_id,
    '(unknown)' as product_name,
    null as category,
    false as is_listed
