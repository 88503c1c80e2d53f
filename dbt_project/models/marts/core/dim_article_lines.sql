with

article_lines as (

    select * from {{ ref('article_lines') }}

)

select
    line_id,
    left(line_id, 3) as article_id,
    text_vi,
    concept_en,
    kpi_keys,
    breakdowns,
    places,
    '{{ var("build_id") }}' as build_id

from article_lines
