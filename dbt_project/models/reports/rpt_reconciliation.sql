with

judged as (

    select * from {{ ref('fct_tie_out_judged') }}

),

tie_out_lines as (

    select * from {{ ref('dim_tie_out_lines') }}

),

balances as (

    select * from {{ ref('fct_gl_balances') }}

),

records as (

    select * from {{ ref('fct_tie_out_records') }}

),

line_accounts as (

    select
        tie_out_lines.line,
        balances.legal_entity,
        string_agg(
            distinct balances.account_prefix, ', '
            order by balances.account_prefix
        ) as account_codes

    from tie_out_lines
    inner join balances
        on list_contains(
            string_split(tie_out_lines.ledger_lines, '|'), balances.ledger_line
        )
    group by 1, 2

),

involved as (

    select
        line,
        legal_entity,
        currency,
        reference,
        count(distinct record_id) filter (where side = 'warehouse')
            as warehouse_record_count,
        count(distinct record_id) filter (where side = 'other') as other_record_count

    from records
    group by 1, 2, 3, 4

)

select
    judged.tie_out_difference_id as reconciliation_id,
    judged.period_start_date,
    last_day(judged.period_start_date) as period_end_date,
    judged.legal_entity,
    judged.line,
    tie_out_lines.name_vi as line_name_vi,
    tie_out_lines.name_en as line_name_en,
    tie_out_lines.display_order,
    tie_out_lines.other_side,
    tie_out_lines.measure,
    tie_out_lines.is_control,
    tie_out_lines.blocks_close,
    line_accounts.account_codes,
    judged.currency,
    judged.reference,
    judged.state,
    judged.reason_code,
    judged.warehouse_amount,
    judged.other_amount,
    judged.difference_amount,
    judged.is_explained,
    judged.explanation_state,
    judged.explanation_reason_code,
    coalesce(involved.warehouse_record_count, 0) as warehouse_record_count,
    coalesce(involved.other_record_count, 0) as other_record_count,
    '{{ var("build_id") }}' as build_id

from judged
inner join tie_out_lines
    on judged.line = tie_out_lines.line
left join line_accounts
    on
        judged.line = line_accounts.line
        and judged.legal_entity = line_accounts.legal_entity
left join involved
    on
        judged.line = involved.line
        and judged.legal_entity = involved.legal_entity
        and judged.currency = involved.currency
        and judged.reference = involved.reference
