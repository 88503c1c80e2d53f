with

weights as (

    select * from {{ ref('priority_weights') }}

)

select
    version,
    part,
    band,
    up_to,
    weight

from weights
qualify version = max(version) over ()
