with

closes as (

    select * from {{ ref('fct_opportunity_closes') }}
    where is_won and is_sales_pipeline and amount is not null

),

opportunity_lines as (

    select * from {{ ref('stg_files__opportunity_lines') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

lines as (

    select
        {{ record_key('opportunity_id') }} as opportunity_id,
        line_id,
        nullif(trim(product_id), '') as product_id,
        coalesce(amount, quantity * unit_price - coalesce(discount_amount, 0)) as amount

    from opportunity_lines

),

lines_running as (

    select
        lines.opportunity_id,
        lines.line_id,
        coalesce(lines.product_id, '(unknown)') as product_id,
        sum(lines.amount) over (
            partition by lines.opportunity_id
            order by lines.line_id
            rows between unbounded preceding and current row
        ) as running_amount,
        sum(lines.amount) over (partition by lines.opportunity_id) as total_amount,
        row_number() over (partition by lines.opportunity_id order by lines.line_id)
            as line_number,
        count(*) over (partition by lines.opportunity_id) as line_count

    from lines
    where lines.amount is not null

),

-- What was signed is shared by the lines' amounts, so a discount on the whole deal lowers
-- each of them; running totals are rounded, so that the shares add up to the deal.
deals_running as (

    select
        closes.opportunity_id,
        closes.closed_date,
        closes.currency,
        closes.amount as deal_amount,
        closes.rep_id,
        closes.team_id,
        closes.channel,
        closes.segment,
        closes.legal_entity,
        coalesce(lines_running.line_number, 1) as line_number,
        coalesce(lines_running.product_id, '(no line item)') as product_id,
        case
            when coalesce(lines_running.line_number = lines_running.line_count, true)
                then closes.amount
            else
                cast(
                    {{ round_ratio(
                        'cast(closes.amount * 1000000 as hugeint)'
                        ~ ' * cast(lines_running.running_amount * 1000000 as hugeint)',
                        'cast(lines_running.total_amount * 1000000 as hugeint)'
                        ~ ' * cast(1000000 * coalesce('
                        ~ 'currency_exponents.minor_unit_amount, 0.01) as hugeint)',
                    ) }} as decimal(28, 0)
                ) * coalesce(currency_exponents.minor_unit_amount, 0.01)
        end as running_amount

    from closes
    left join lines_running
        on
            closes.opportunity_id = lines_running.opportunity_id
            and lines_running.total_amount > 0
    left join currency_exponents
        on closes.currency = currency_exponents.currency

),

deals_shared as (

    select
        *,
        lag(running_amount, 1, 0) over (
            partition by opportunity_id
            order by line_number
        ) as earlier_amount

    from deals_running

)

select
    opportunity_id || '|' || line_number as deal_line_id,
    opportunity_id,
    line_number,
    closed_date,
    currency,
    cast(running_amount as decimal(38, 6)) as running_amount,
    cast(earlier_amount as decimal(38, 6)) as earlier_amount,
    product_id,
    -- A deal is of the product of its largest line.
    first_value(product_id) over (
        partition by opportunity_id
        order by running_amount - earlier_amount desc, line_number asc
    ) as order_product_id,
    rep_id,
    team_id,
    channel,
    segment,
    legal_entity

from deals_shared
