-- Closing MRR and every step to what was billed add up to it, subscription by subscription: a
-- line of no known kind would be left over.
select
    period_start_date,
    subscription_id,
    currency,
    residue_amount

from {{ ref('fct_mrr_to_billings') }}
where residue_amount <> 0
