-- Codes people see, in any published table, without words for them in both languages.
-- Members that a source names (campaigns, platforms, legal entities) speak for themselves.
with

kpi_values as (

    select * from {{ ref('rpt_kpi_values') }}

),

scorecard as (

    select * from {{ ref('rpt_kpi_scorecard') }}

),

mrr_months as (

    select * from {{ ref('fct_mrr_monthly') }}

),

receivable_months as (

    select * from {{ ref('fct_receivables_monthly') }}

),

cash_transactions as (

    select * from {{ ref('fct_cash_transactions') }}

),

bridge as (

    select * from {{ ref('rpt_mrr_bridge') }}

),

registry as (

    select * from {{ ref('dim_kpis') }}

),

restatements as (

    select * from {{ ref('rpt_restatements') }}

),

labels as (

    select * from {{ ref('dim_labels') }}

),

codes_used as (

    select
        'flag' as code_type,
        unnest(flag) as code

    from kpi_values
    union
    select
        'breakdown' as code_type,
        breakdown as code

    from kpi_values
    union
    {%- for breakdown in [
        'lead_source_group', 'customer_type', 'activity_type', 'contact_method',
        'win_loss_reason', 'cost_type', 'tenure_band',
    ] %}
        select
            '{{ breakdown }}' as code_type,
            member_id as code

        from kpi_values
        where breakdown = '{{ breakdown }}' and member_id <> '(unknown)'
        union
    {%- endfor %}
    select
        'grain' as code_type,
        grain as code

    from kpi_values
    union
    select
        'history_basis' as code_type,
        history_basis as code

    from kpi_values
    union
    select
        'variant' as code_type,
        variant as code

    from kpi_values
    union
    select
        'trend_direction' as code_type,
        trend_direction as code

    from scorecard
    union
    select
        'trend_judgement' as code_type,
        trend_judgement as code

    from scorecard
    union
    select
        'anomaly_reason' as code_type,
        anomaly_reason as code

    from scorecard
    union
    select
        'basis' as code_type,
        basis as code

    from kpi_values
    union
    select
        'restatement_cause' as code_type,
        cause as code

    from restatements
    union
    select
        'movement_type' as code_type,
        movement_type as code

    from mrr_months
    union
    select
        'movement_cause' as code_type,
        movement_cause as code

    from mrr_months
    union
    select
        'ageing_bucket' as code_type,
        ageing_bucket as code

    from receivable_months
    union
    select
        'cash_type' as code_type,
        cash_type as code

    from cash_transactions
    union
    select
        'amount_basis' as code_type,
        amount_basis as code

    from bridge
    union
    select
        'unit' as code_type,
        unit as code

    from registry
    union
    select
        'direction' as code_type,
        direction as code

    from registry
    union
    select
        'additivity' as code_type,
        additivity as code

    from registry
    union
    select
        'indicator_class' as code_type,
        indicator_class as code

    from registry
    union
    select
        'theme' as code_type,
        theme as code

    from registry

)

select codes_used.*
from codes_used
anti join labels
    on
        codes_used.code_type = labels.code_type
        and codes_used.code = labels.code
where codes_used.code is not null
