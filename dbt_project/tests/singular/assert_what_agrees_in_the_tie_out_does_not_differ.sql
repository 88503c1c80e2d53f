-- Both sides' totals less all differences are equal, or a record is in no difference and in a
-- total, or the other way round.
select
    line,
    legal_entity,
    currency,
    period_start_date,
    difference_amount

from {{ ref('fct_tie_out_differences') }}
where reason_code = 'agreed' and difference_amount <> 0
