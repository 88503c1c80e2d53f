with

batch_totals as (

    select * from {{ source('ledger', '_batch_totals') }}

)

select
    -- ids
    batch_id,

    -- strings
    source_account,
    column_name,
    currency,

    -- numerics
    row_count,
    source_sum,
    landed_sum

from batch_totals
