with

figures as (

    select * from {{ ref('stg_closes__figures') }}

),

-- As the first close of an area is made, its figures have no other basis yet; later ones have
-- every figure in both.
closes_by_basis as (

    select
        close_id,
        bool_or(basis = 'as_closed') as has_as_closed

    from figures
    group by 1

),

figures_signed as (

    select figures.*

    from figures
    inner join closes_by_basis
        on figures.close_id = closes_by_basis.close_id
    where closes_by_basis.has_as_closed = (figures.basis = 'as_closed')

),

figures_computed as (

    select * from figures
    where basis = 'current'

)

select
    figures_signed.close_id,
    figures_signed.area,
    figures_signed.closed_period,
    figures_signed.signed_as_of_date,
    figures_signed.kpi_key,
    figures_signed.kpi_version,
    figures_signed.variant,
    figures_signed.grain,
    figures_signed.period_start_date,
    figures_signed.period_end_date,
    figures_signed.breakdown,
    figures_signed.member_id,
    figures_signed.member_name,
    figures_signed.unit,
    figures_signed.currency,
    figures_signed.value_original,
    figures_signed.numerator,
    figures_signed.denominator,
    figures_signed.value,
    figures_computed.value_original as computed_value_original,
    figures_computed.numerator as computed_numerator,
    figures_computed.denominator as computed_denominator,
    figures_computed.value as computed_value,
    figures_signed.additivity,
    figures_signed.is_partial,
    figures_signed.low_sample,
    figures_signed.flag,
    figures_signed.history_basis,
    '{{ var("build_id") }}' as build_id

from figures_signed
left join figures_computed
    on
        {{ same_figure('figures_signed', 'figures_computed') }}
