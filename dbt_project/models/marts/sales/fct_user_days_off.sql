with

calendar as (

    select * from {{ ref('stg_files__working_calendar') }}

)

select distinct
    user_id,
    date_day

from calendar
where user_id is not null and not is_working
