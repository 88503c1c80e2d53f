with

users as (

    select * from {{ ref('dim_users') }}

),

teams as (

    select * from {{ ref('dim_teams') }}

),

departments as (

    select * from {{ ref('dim_departments') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

)

select
    'rep' as breakdown,
    user_id as member_id,
    user_name as member_name

from users
union all
select
    'team' as breakdown,
    team_id as member_id,
    team_name as member_name

from teams
union all
select
    'department' as breakdown,
    department_id as member_id,
    department_name as member_name

from departments
union all
select
    'campaign' as breakdown,
    campaign_id as member_id,
    campaign_name as member_name

from campaigns
union all
select
    'product' as breakdown,
    product_id as member_id,
    product_name as member_name

from products
union all
select
    'plan' as breakdown,
    product_id as member_id,
    product_name as member_name

from products
union all
select
    'stage' as breakdown,
    stage_id as member_id,
    stage_name as member_name

from stages
