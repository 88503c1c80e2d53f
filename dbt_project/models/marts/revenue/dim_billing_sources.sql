with

history_starts as (

    select * from {{ ref('int_billing_history_starts') }}

)

select
    source_name,
    has_history,
    known_from_date,
    '{{ var("build_id") }}' as build_id

from history_starts
