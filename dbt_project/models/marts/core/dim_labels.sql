with

labels as (

    select * from {{ ref('published_labels') }}

)

select
    code_type || ':' || code as label_id,
    code_type,
    code,
    label_vi,
    label_en,
    '{{ var("build_id") }}' as build_id

from labels
