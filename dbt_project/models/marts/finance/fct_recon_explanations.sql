with

explanations as (

    select * from {{ ref('stg_files__recon_explanations') }}

),

account_map as (

    select * from {{ ref('stg_files__gl_account_map') }}

),

explanations_mapped as (

    select
        explanations.*,
        -- A line without an account in the ledger is named itself.
        coalesce(account_map.tie_out_line, explanations.account_code) as explained_line

    from explanations
    left join account_map
        on
            explanations.legal_entity = account_map.legal_entity
            and starts_with(explanations.account_code, account_map.account_prefix)
    qualify row_number() over (
        partition by
            explanations.source_name,
            explanations.period,
            explanations.legal_entity,
            explanations.account_code,
            explanations.currency,
            explanations.reason_code,
            explanations.reference
        order by length(account_map.account_prefix) desc nulls last
    ) = 1

)

select
    {{ surrogate_key([
        'source_name',
        'period',
        'legal_entity',
        'account_code',
        'currency',
        'reason_code',
        'reference',
    ]) }} as recon_explanation_id,
    legal_entity,
    period as period_start_date,
    account_code,
    explained_line,
    currency,
    reason_code,
    reference,
    amount,
    entered_by,
    approved_by,
    approved_by is not null as is_approved,
    source_name,
    _source_ref as source_ref,
    _batch_id as batch_id,
    '{{ var("build_id") }}' as build_id

from explanations_mapped
