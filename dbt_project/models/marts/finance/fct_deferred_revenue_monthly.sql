with

deferred_months as (

    {{ deferred_months('month_start_date', 'month_end_date') }}

)

select
    *,
    '{{ var("build_id") }}' as build_id

from deferred_months
