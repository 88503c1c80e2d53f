with

customer_mrr as (

    select * from {{ ref('fct_customer_mrr') }}

),

priced_items as (

    select * from {{ mrr_priced() }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

billing_sources as (

    select * from {{ ref('dim_billing_sources') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

rates as (

    select * from {{ ref('fct_fx_rates_daily') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

users_versioned as (

    select * from {{ ref('int_users_versioned') }}

),

months as (

    select distinct
        month_start_date,
        month_end_date,
        month_start_date - 1 as opening_date,
        least(month_end_date, {{ as_of_date() }}) as closing_date

    from dates
    where month_start_date <= {{ as_of_date() }}

),

days_compared as (

    select opening_date as report_date from months
    union
    select closing_date as report_date from months

),

-- Stock per customer and currency: the unit a movement is found in.
stocks as (

    select
        customer_id,
        currency,
        report_date,
        sum(mrr_amount) as mrr_amount,
        sum(list_mrr_amount) as list_mrr_amount,
        sum(quantity) as quantity,
        sum(subscription_count) as subscription_count,
        string_agg(product_id, ',' order by product_id) as product_ids,
        min(plan) as plan,
        min(history_basis) as history_basis

    from customer_mrr
    semi join days_compared
        on customer_mrr.report_date = days_compared.report_date
    group by 1, 2, 3

),

-- Who paid at some instant of the month, also between its two ends.
customers_of_months as (

    select distinct
        months.month_start_date,
        priced_items.customer_id,
        priced_items.currency

    from months
    inner join priced_items
        on
            months.closing_date >= priced_items.paid_from_date
            and (
                priced_items.paid_to_date is null
                or months.opening_date < priced_items.paid_to_date
            )
    where priced_items.mrr_amount > 0

),

ends_compared as (

    select
        customers_of_months.customer_id,
        customers_of_months.currency as original_currency,
        months.month_start_date,
        months.opening_date,
        months.closing_date,
        months.closing_date < months.month_end_date as is_partial,
        -- No row on a day a stock was taken is a measured zero.
        coalesce(opening.mrr_amount, 0) as opening_original_amount,
        coalesce(closing.mrr_amount, 0) as closing_original_amount,
        opening.subscription_count as opening_subscription_count,
        closing.subscription_count as closing_subscription_count,
        opening.product_ids as opening_product_ids,
        closing.product_ids as closing_product_ids,
        coalesce(closing.plan, opening.plan, '(unknown)') as plan,
        opening.quantity as opening_quantity,
        closing.quantity as closing_quantity,
        opening.list_mrr_amount as opening_list_amount,
        closing.list_mrr_amount as closing_list_amount,
        coalesce(closing.history_basis, opening.history_basis, 'source_history')
            as history_basis

    from customers_of_months
    inner join months
        on customers_of_months.month_start_date = months.month_start_date
    left join stocks as opening
        on
            customers_of_months.customer_id = opening.customer_id
            and customers_of_months.currency = opening.currency
            and months.opening_date = opening.report_date
    left join stocks as closing
        on
            customers_of_months.customer_id = closing.customer_id
            and customers_of_months.currency = closing.currency
            and months.closing_date = closing.report_date

),

-- New, gone and back are said of the customer over all its currencies.
customers_compared as (

    select
        ends_compared.*,
        customers.legal_entity,
        customers.segment,
        customers.closing_rep_id as rep_id,
        customers.lead_source_group,
        coalesce(users_versioned.team_id, '(unknown)') as team_id,
        customers.first_paid_date,
        max(opening_original_amount) over (
            partition by ends_compared.customer_id, month_start_date
        ) > 0 as was_paying,
        max(closing_original_amount) over (
            partition by ends_compared.customer_id, month_start_date
        ) > 0 as is_paying,
        -- A currency left and another one taken up in the same month.
        max(closing_original_amount) filter (where opening_original_amount = 0) over (
            partition by ends_compared.customer_id, month_start_date
        ) > 0
        and max(opening_original_amount) filter (where closing_original_amount = 0) over (
            partition by ends_compared.customer_id, month_start_date
        ) > 0 as has_changed_currency

    from ends_compared
    inner join customers
        on ends_compared.customer_id = customers.customer_id
    inner join billing_sources
        on
            customers.source_name = billing_sources.source_name
            and ends_compared.opening_date >= billing_sources.known_from_date
    left join users_versioned
        on
            customers.closing_rep_id = users_versioned.user_id
            and ends_compared.closing_date
            between users_versioned.credited_from and users_versioned.credited_to

),

movements_classified as (

    select
        *,
        case
            when not was_paying and not is_paying then 'intra_month'
            when not was_paying and first_paid_date >= month_start_date then 'new'
            when not was_paying then 'reactivation'
            when not is_paying then 'churned'
            when closing_original_amount > opening_original_amount then 'expansion'
            when closing_original_amount < opening_original_amount then 'contraction'
            else 'unchanged'
        end as movement_type

    from customers_compared

),

movements_explained as (

    select
        *,
        case
            when movement_type not in ('expansion', 'contraction') then null
            when
                has_changed_currency
                and (opening_original_amount = 0 or closing_original_amount = 0)
                then 'currency'
            when coalesce(opening_subscription_count <> closing_subscription_count, true)
                then 'subscription'
            when coalesce(opening_product_ids <> closing_product_ids, true) then 'plan'
            when coalesce(opening_quantity <> closing_quantity, true) then 'quantity'
            when coalesce(opening_list_amount <> closing_list_amount, true) then 'price'
            else 'discount'
        end as movement_cause

    from movements_classified

),

presentation as (

    select
        currency_id as currency,
        exponent

    from currencies
    where is_presentation

),

amounts_converted as (

    select
        movements_explained.*,
        presentation.currency,
        case
            when opening_original_amount = 0 then 0
            else
                {{ convert_money(
                    'opening_original_amount',
                    'opening_rates.rate',
                    'presentation.exponent'
                ) }}
        end as opening_mrr_amount,
        case
            when opening_original_amount = 0 then 0
            else
                {{ convert_money(
                    'opening_original_amount',
                    'closing_rates.rate',
                    'presentation.exponent'
                ) }}
        end as opening_at_closing_rate_amount,
        case
            when closing_original_amount = 0 then 0
            else
                {{ convert_money(
                    'closing_original_amount',
                    'closing_rates.rate',
                    'presentation.exponent'
                ) }}
        end as closing_mrr_amount,
        {{ convert_money(
            'closing_original_amount - opening_original_amount',
            'plan_rates.rate',
            'presentation.exponent'
        ) }} as constant_currency_change_amount,
        {%- for end in ['opening', 'closing'] %}
            case
                when {{ end }}_original_amount = 0 then 0
                else
                    {{ convert_money(
                        end ~ '_original_amount', 'plan_rates.rate', 'presentation.exponent'
                    ) }}
            end as {{ end }}_constant_amount,
        {%- endfor %}
        closing_rates.rate as closing_fx_rate,
        closing_rates.source_rate_date as closing_fx_rate_date,
        closing_rates.rate_source as closing_fx_rate_source,
        closing_rates.batch_id as closing_fx_batch_id

    from movements_explained
    cross join presentation
    left join rates as opening_rates
        on
            opening_rates.rate_purpose = 'stock'
            and movements_explained.opening_date = opening_rates.rate_date
            and movements_explained.original_currency = opening_rates.from_currency
            and presentation.currency = opening_rates.to_currency
    left join rates as closing_rates
        on
            closing_rates.rate_purpose = 'stock'
            and movements_explained.closing_date = closing_rates.rate_date
            and movements_explained.original_currency = closing_rates.from_currency
            and presentation.currency = closing_rates.to_currency
    -- One frozen rate for the whole series: the plan rate in force on the as-of day.
    left join rates as plan_rates
        on
            plan_rates.rate_purpose = 'plan'
            and plan_rates.rate_date = {{ as_of_date() }}
            and movements_explained.original_currency = plan_rates.from_currency
            and presentation.currency = plan_rates.to_currency

),

movements as (

    select
        *,
        closing_mrr_amount - opening_at_closing_rate_amount as movement_amount

    from amounts_converted

)

select
    {{ surrogate_key([
        'customer_id', 'original_currency', 'month_start_date', 'currency'
    ]) }} as mrr_month_id,
    customer_id,
    month_start_date,
    opening_date,
    closing_date,
    is_partial,
    legal_entity,
    segment,
    rep_id,
    team_id,
    lead_source_group,
    plan,
    movement_type,
    movement_cause,
    original_currency,
    opening_original_amount,
    closing_original_amount,
    currency,
    opening_mrr_amount,
    case movement_type when 'new' then movement_amount else 0 end as new_mrr_amount,
    case movement_type when 'expansion' then movement_amount else 0 end
        as expansion_mrr_amount,
    case movement_type when 'contraction' then -movement_amount else 0 end
        as contraction_mrr_amount,
    case movement_type when 'churned' then -movement_amount else 0 end
        as churned_mrr_amount,
    case movement_type when 'reactivation' then movement_amount else 0 end
        as reactivation_mrr_amount,
    opening_at_closing_rate_amount - opening_mrr_amount as fx_mrr_amount,
    closing_mrr_amount,
    constant_currency_change_amount,
    opening_constant_amount,
    closing_constant_amount,
    movement_type = 'intra_month' as is_intra_month_churn,
    closing_fx_rate,
    closing_fx_rate_date,
    closing_fx_rate_source,
    closing_fx_batch_id,
    history_basis,
    '{{ var("build_id") }}' as build_id

from movements
