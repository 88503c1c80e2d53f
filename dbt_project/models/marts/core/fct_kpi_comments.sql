with

comments as (

    select * from {{ ref('stg_files__kpi_comments') }}

)

select
    {{ surrogate_key(['kpi_key', 'period_start', 'breakdown', 'member_id']) }}
        as kpi_comment_id,
    kpi_key,
    period_start as period_start_date,
    breakdown,
    coalesce(nullif(member_id, ''), '(total)') as member_id,
    comment,
    author,
    {{ report_date('commented_at') }} as commented_date,
    '{{ var("build_id") }}' as build_id

from comments
where commented_at < {{ as_of_end() }}
-- The newest comment stands; older ones stay in the files they came in.
qualify row_number() over (
    partition by kpi_key, period_start, breakdown, member_id
    order by commented_at desc, source_name asc
) = 1
