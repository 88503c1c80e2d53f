with

terms as (

    select * from {{ ref('fct_customer_mrr_terms') }}

),

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

item_versions as (

    select * from {{ ref('int_subscription_item_versions') }}

),

products as (

    select * from {{ ref('int_billing_products_unioned') }}

),

currencies as (

    select * from {{ ref('dim_currencies') }}

),

months as (

    select distinct
        cast(date_trunc('month', date_day) as date) as period_start_date,
        least(last_day(date_day), {{ as_of_date() }}) as closing_date

    from {{ ref('dim_dates') }}
    where date_day <= {{ as_of_date() }}

),

metered_products as (

    {{ metered_products('item_versions', 'products') }}
),

-- Closing MRR of each subscription.
mrr_stocks as (

    select
        months.period_start_date,
        terms.legal_entity,
        terms.currency,
        terms.customer_id,
        terms.subscription_id,
        sum(terms.mrr_amount) as mrr_amount,
        sum(terms.list_mrr_amount) as list_mrr_amount

    from terms
    inner join months
        on months.closing_date between terms.first_date and terms.last_date
    group by 1, 2, 3, 4, 5

),

lines_served as (

    select
        invoice_lines.*,
        cast(date_trunc('month', invoice_lines.report_date) as date)
            as period_start_date,
        {{ report_date('invoice_lines.service_starts_at') }} as service_from,
        {{ report_date('invoice_lines.service_ends_at') }} as service_to,
        metered_products.product_id is not null as is_metered

    from invoice_lines
    left join metered_products
        on
            invoice_lines.subscription_id = metered_products.subscription_id
            and invoice_lines.product_id = metered_products.product_id

),

lines_classified as (

    select
        *,
        case
            when event_type = 'credit_note' then 'credit'
            when is_proration then 'proration'
            when is_metered then 'metered'
            when
                subscription_id is null
                or coalesce(service_to <= service_from, true)
                then 'one_off'
            else 'recurring'
        end as step

    from lines_served

),

-- What a recurring line is a month: by its whole months, else by days, as MRR is.
lines_per_month as (

    select
        *,
        case
            when step = 'recurring'
                then {{ amount_per_month('net_amount', 'service_from', 'service_to') }}
            else 0
        end as exact_monthly_amount,
        case
            when step = 'recurring'
                then
                    {{ amount_per_month(
                        'coalesce(discount_amount, 0)', 'service_from', 'service_to'
                    ) }}
            else 0
        end as exact_monthly_discount

    from lines_classified

),

lines_rounded as (

    select
        lines_per_month.*,
        {{ convert_money('exact_monthly_amount', '1', 'currencies.exponent') }}
            as monthly_amount,
        {{ convert_money('exact_monthly_discount', '1', 'currencies.exponent') }}
            as monthly_discount

    from lines_per_month
    left join currencies
        on lines_per_month.currency = currencies.currency_id

),

billed as (

    select
        period_start_date,
        legal_entity,
        currency,
        customer_id,
        coalesce(subscription_id, '(none)') as subscription_id,
        count(*) filter (where step = 'recurring') as recurring_count,
        coalesce(sum(monthly_amount), 0) as monthly_amount,
        coalesce(sum(monthly_discount), 0) as monthly_discount,
        coalesce(sum(case when step = 'recurring' then net_amount - monthly_amount end), 0)
            as prepaid_amount,
        coalesce(sum(case when step = 'one_off' then net_amount end), 0)
            as one_off_amount,
        coalesce(sum(case when step = 'proration' then net_amount end), 0)
            as proration_amount,
        coalesce(sum(case when step = 'metered' then net_amount end), 0)
            as metered_amount,
        coalesce(sum(case when step = 'credit' then net_amount end), 0) as credit_amount,
        sum(net_amount) as billed_amount,
        coalesce(sum(tax_amount), 0) as tax_amount

    from lines_rounded
    group by 1, 2, 3, 4, 5

),

subscriptions_paired as (

    select
        coalesce(mrr_stocks.period_start_date, billed.period_start_date)
            as period_start_date,
        coalesce(mrr_stocks.legal_entity, billed.legal_entity) as legal_entity,
        coalesce(mrr_stocks.currency, billed.currency) as currency,
        coalesce(mrr_stocks.customer_id, billed.customer_id) as customer_id,
        coalesce(mrr_stocks.subscription_id, billed.subscription_id) as subscription_id,
        coalesce(billed.recurring_count, 0) > 0 as is_billed,
        coalesce(mrr_stocks.mrr_amount, 0) as mrr_amount,
        coalesce(mrr_stocks.list_mrr_amount, 0) as list_mrr_amount,
        coalesce(billed.monthly_amount, 0) as monthly_amount,
        coalesce(billed.monthly_discount, 0) as monthly_discount,
        coalesce(billed.prepaid_amount, 0) as prepaid_amount,
        coalesce(billed.one_off_amount, 0) as one_off_amount,
        coalesce(billed.proration_amount, 0) as proration_amount,
        coalesce(billed.metered_amount, 0) as metered_amount,
        coalesce(billed.credit_amount, 0) as credit_amount,
        coalesce(billed.billed_amount, 0) as billed_amount,
        coalesce(billed.tax_amount, 0) as tax_amount

    from mrr_stocks
    full outer join billed
        on
            mrr_stocks.period_start_date = billed.period_start_date
            and mrr_stocks.legal_entity = billed.legal_entity
            and mrr_stocks.currency = billed.currency
            and mrr_stocks.customer_id = billed.customer_id
            and mrr_stocks.subscription_id = billed.subscription_id

),

-- Of what is billed this month, the change since is of the list price; what is left of the
-- difference is discount that MRR and the invoice do not share.
steps as (

    select
        period_start_date,
        legal_entity,
        currency,
        customer_id,
        subscription_id,
        mrr_amount,
        case when is_billed then 0 else -mrr_amount end as not_billed_amount,
        case
            when is_billed then monthly_amount + monthly_discount - list_mrr_amount
            else 0
        end as changed_amount,
        case
            when is_billed then list_mrr_amount - mrr_amount - monthly_discount
            else 0
        end as discount_amount,
        prepaid_amount,
        one_off_amount,
        proration_amount,
        metered_amount,
        credit_amount,
        billed_amount,
        tax_amount

    from subscriptions_paired

)

select
    {{ surrogate_key([
        'period_start_date',
        'legal_entity',
        'currency',
        'customer_id',
        'subscription_id',
    ]) }} as mrr_to_billings_id,
    period_start_date,
    legal_entity,
    currency,
    customer_id,
    subscription_id,
    cast(mrr_amount as decimal(38, 4)) as mrr_amount,
    cast(not_billed_amount as decimal(38, 4)) as not_billed_amount,
    cast(changed_amount as decimal(38, 4)) as changed_amount,
    cast(discount_amount as decimal(38, 4)) as discount_amount,
    cast(prepaid_amount as decimal(38, 4)) as prepaid_amount,
    cast(one_off_amount as decimal(38, 4)) as one_off_amount,
    cast(proration_amount as decimal(38, 4)) as proration_amount,
    cast(metered_amount as decimal(38, 4)) as metered_amount,
    cast(credit_amount as decimal(38, 4)) as credit_amount,
    cast(billed_amount as decimal(38, 4)) as billed_amount,
    cast(tax_amount as decimal(38, 4)) as tax_amount,
    cast(billed_amount + tax_amount as decimal(38, 4)) as billed_with_tax_amount,
    cast(
        billed_amount - (
            mrr_amount + not_billed_amount + changed_amount + discount_amount
            + prepaid_amount + one_off_amount + proration_amount + metered_amount
            + credit_amount
        ) as decimal(38, 4)
    ) as residue_amount

from steps
{%- if policy('mrr_source') != 'subscription_state' %}
-- MRR made of bills proves nothing about them.
where false
{%- endif %}
