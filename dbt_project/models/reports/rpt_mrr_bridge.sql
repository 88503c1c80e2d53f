{%- set causes = ['currency', 'subscription', 'plan', 'quantity', 'price', 'discount'] -%}
{%- set movements = ['new', 'expansion', 'reactivation', 'contraction', 'churned'] -%}
with

mrr_months as (

    select * from {{ ref('fct_mrr_monthly') }}

),

-- The same months three times: in the customers' own currency, as reported, and at the one
-- frozen plan rate. Only what is reported knows an FX effect.
months_valued as (

    select
        'original' as amount_basis,
        original_currency as currency,
        customer_id,
        original_currency,
        month_start_date,
        closing_date,
        is_partial,
        movement_type,
        movement_cause,
        opening_original_amount as opening_amount,
        closing_original_amount - opening_original_amount as change_amount,
        cast(0 as decimal(38, 4)) as fx_amount,
        closing_original_amount as closing_amount

    from mrr_months
    -- Stated once per presentation currency.
    qualify
        row_number() over (
            partition by customer_id, original_currency, month_start_date
            order by currency
        ) = 1
    union all
    select
        'presentation' as amount_basis,
        currency,
        customer_id,
        original_currency,
        month_start_date,
        closing_date,
        is_partial,
        movement_type,
        movement_cause,
        opening_mrr_amount as opening_amount,
        closing_mrr_amount - opening_mrr_amount - fx_mrr_amount as change_amount,
        fx_mrr_amount as fx_amount,
        closing_mrr_amount as closing_amount

    from mrr_months
    union all
    select
        'constant' as amount_basis,
        currency,
        customer_id,
        original_currency,
        month_start_date,
        closing_date,
        is_partial,
        movement_type,
        movement_cause,
        opening_constant_amount as opening_amount,
        closing_constant_amount - opening_constant_amount as change_amount,
        cast(0 as decimal(38, 4)) as fx_amount,
        closing_constant_amount as closing_amount

    from mrr_months

),

-- Each month of a customer counts for itself, for its currency and for the company. Amounts of
-- different currencies have no total of their own.
months_placed as (

    select
        *,
        'customer' as breakdown,
        customer_id as member_id

    from months_valued
    union all
    select
        *,
        'currency' as breakdown,
        original_currency as member_id

    from months_valued
    union all
    select
        *,
        'total' as breakdown,
        '(total)' as member_id

    from months_valued
    where amount_basis <> 'original'

),

bridge as (

    select
        amount_basis,
        currency,
        breakdown,
        member_id,
        month_start_date,
        closing_date,
        is_partial,
        {{ sum_known('opening_amount') }} as opening_amount,
        {%- for movement in movements %}
            {{ sum_known(
                "case when movement_type = '" ~ movement ~ "' then "
                ~ ('-' if movement in ['contraction', 'churned'] else '')
                ~ 'change_amount else 0 end'
            ) }} as {{ movement }}_amount,
        {%- endfor %}
        {%- for movement in ['expansion', 'contraction'] %}
            {%- for cause in causes %}
                {{ sum_known(
                    "case when movement_type = '" ~ movement ~ "' and movement_cause = '" ~ cause
                    ~ "' then " ~ ('-' if movement == 'contraction' else '')
                    ~ 'change_amount else 0 end'
                ) }} as {{ movement }}_{{ cause }}_amount,
            {%- endfor %}
        {%- endfor %}
        {{ sum_known('fx_amount') }} as fx_amount,
        {{ sum_known('closing_amount') }} as closing_amount

    from months_placed
    group by
        amount_basis,
        currency,
        breakdown,
        member_id,
        month_start_date,
        closing_date,
        is_partial

)

select
    {{ surrogate_key([
        'amount_basis', 'currency', 'breakdown', 'member_id', 'month_start_date'
    ]) }} as mrr_bridge_id,
    *,
    '{{ var("build_id") }}' as build_id

from bridge
