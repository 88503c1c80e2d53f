with

tie_out_lines as (

    select * from {{ ref('tie_out_lines') }}

)

select
    line,
    display_order,
    other_side,
    measure,
    ledger_lines,
    is_control,
    blocks_close,
    name_vi,
    name_en,
    '{{ var("build_id") }}' as build_id

from tie_out_lines
