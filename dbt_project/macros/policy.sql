{#- Value of a policy switch. Every run passes all of them with their defaults
    (`ingest.config_policies`); the default here only lets the project parse and unit tests
    run without them. -#}
{% macro policy(name) -%}
    {%- set defaults = {
        'mrr_discounts': 'while_active',
        'mrr_trials': 'exclude',
        'mrr_metered': 'exclude',
        'mrr_past_due': 'include',
        'mrr_paused': 'exclude',
        'churn_date': 'end_of_service',
        'churn_rate_base': 'opening',
        'fx_flow_rate_type': 'average_transfer',
        'fx_stock_rate_type': 'closing',
        'fx_max_carried_days': 7,
        'sales_revenue_basis': 'invoiced',
        'refunded_orders': 'keep',
        'win_rate_base': 'closed_in_period',
        'ad_conversion_date': 'click_date',
        'contact_method_touch': 'last_completed_before_creation',
        'deferred_fx': 'invoice_rate',
        'mrr_source': 'subscription_state',
        'rep_credit': 'owner_at_event',
        'reopened_deal_close': 'latest',
        'churn_unpaid_days': 45,
        'social_engagement_base': 'impressions',
        'low_sample_threshold': 5,
        'cac_lag_months': 0,
        'cost_allocation': 'none',
        'attribution_window_days': 90,
        'attribution_view_through': 'exclude',
        'attribution_default_model': 'position_based',
        'nrr_reactivation': 'exclude',
        'ltv_margin': 'with_margin',
        'ltv_churn_months': 6,
        'recon_tolerance_minor_units': 0,
    } -%}
    {{- var('policies')[name] | default(defaults[name]) -}}
{%- endmacro %}


{#- Under which variant a figure of sales on this basis stands: policy sales_revenue_basis says
    which one is the standard reading, the others are variants under their own name (D-560). -#}
{% macro basis_variant(basis) -%}
    {{- 'standard' if policy('sales_revenue_basis') == basis else basis -}}
{%- endmacro %}


{#- Whether the KPI of a row of the registry names the policy. -#}
{% macro names_policy(name) -%}
    coalesce(list_contains(string_split(registry.policies, '|'), '{{ name }}'), false)
{%- endmacro %}
