with

differences as (

    select * from {{ ref('fct_tie_out_differences') }}

),

tie_out_lines as (

    select * from {{ ref('dim_tie_out_lines') }}

),

explanations as (

    select * from {{ ref('fct_recon_explanations') }}

),

-- An explanation is of an account, so of every line that account is part of.
line_explanations as (

    select
        tie_out_lines.line,
        explanations.*

    from explanations
    inner join tie_out_lines
        on
            explanations.explained_line = tie_out_lines.line
            or list_contains(
                string_split(tie_out_lines.ledger_lines, '|'), explanations.explained_line
            )

),

-- A document is named by its id at its source, with or without the source's name before it.
document_explanations as (

    select
        differences.tie_out_difference_id,
        sum(explanations.amount) filter (where explanations.is_approved)
            as approved_amount,
        count(*) as explanation_count,
        min(explanations.reason_code) as explanation_reason_code

    from differences
    inner join line_explanations as explanations
        on
            differences.line = explanations.line
            and differences.legal_entity = explanations.legal_entity
            and differences.currency = explanations.currency
            and differences.period_start_date = explanations.period_start_date
    where
        not differences.is_proven
        and explanations.reference <> ''
        and (
            explanations.reference = differences.reference
            or ends_with(differences.reference, ':' || explanations.reference)
        )
    group by 1

),

-- What is neither proven by records nor explained by document is left for explanations of the
-- whole line: together they must be that rest, to the unit.
differences_by_document as (

    select
        differences.*,
        document_explanations.approved_amount as document_approved_amount,
        document_explanations.explanation_count as document_explanation_count,
        document_explanations.explanation_reason_code as document_reason_code,
        coalesce(
            differences.is_proven
            or document_explanations.approved_amount = differences.difference_amount,
            false
        ) as is_settled

    from differences
    left join document_explanations
        on
            differences.tie_out_difference_id
            = document_explanations.tie_out_difference_id

),

rests as (

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        sum(difference_amount) as rest_amount

    from differences_by_document
    where not is_settled
    group by 1, 2, 3, 4

),

rest_explanations as (

    select
        line,
        legal_entity,
        currency,
        period_start_date,
        sum(amount) filter (where is_approved) as approved_amount,
        count(*) as explanation_count,
        min(reason_code) as explanation_reason_code

    from line_explanations
    where reference = ''
    group by 1, 2, 3, 4

),

rests_explained as (

    select
        rests.*,
        rest_explanations.approved_amount,
        rest_explanations.explanation_count,
        rest_explanations.explanation_reason_code,
        coalesce(rest_explanations.approved_amount = rests.rest_amount, false)
            as is_settled

    from rests
    left join rest_explanations
        on
            rests.line = rest_explanations.line
            and rests.legal_entity = rest_explanations.legal_entity
            and rests.currency = rest_explanations.currency
            and rests.period_start_date = rest_explanations.period_start_date

)

select
    differences.tie_out_difference_id,
    differences.line,
    differences.legal_entity,
    differences.currency,
    differences.period_start_date,
    differences.state,
    differences.reference,
    differences.reason_code,
    differences.warehouse_amount,
    differences.other_amount,
    differences.difference_amount,
    differences.is_settled or coalesce(rests.is_settled, false) as is_explained,
    case
        when differences.state <> 'compared' then differences.state
        when differences.reason_code = 'agreed' then 'agreed'
        when differences.is_proven then 'proven'
        when differences.is_settled or coalesce(rests.is_settled, false) then 'approved'
        when differences.document_approved_amount is not null then 'expired'
        when rests.approved_amount is not null then 'expired'
        when
            differences.document_explanation_count > 0 or rests.explanation_count > 0
            then 'not_approved'
        else 'none'
    end as explanation_state,
    case
        when not differences.is_proven
            then coalesce(
                differences.document_reason_code, rests.explanation_reason_code
            )
    end as explanation_reason_code

from differences_by_document as differences
left join rests_explained as rests
    on
        differences.line = rests.line
        and differences.legal_entity = rests.legal_entity
        and differences.currency = rests.currency
        and differences.period_start_date = rests.period_start_date
        and not differences.is_settled
