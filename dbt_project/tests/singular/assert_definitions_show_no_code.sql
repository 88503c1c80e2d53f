-- Definitions and caveats people read, with a code (`no_budget`) or a list as the configuration
-- writes it (`["price"]`) in them. Codes of one plain word are held by `test_policies`: each
-- value that is said has a label. Caveats may quote a label.
with

registry as (

    select * from {{ ref('dim_kpis') }}

),

texts as (

    select
        kpi_key,
        unnest([
            definition_vi,
            definition_en,
            replace(concat_ws(' ', caveats_vi, caveats_en), '"', ''),
        ]) as shown

    from registry

)

select *
from texts
where regexp_matches(shown, '[a-z0-9]_[a-z0-9]|[{}"]|\[|\]')
