with recursive

revenue_events as (

    select * from {{ ref('int_revenue_events_classified') }}
    where exclusion_reason is null

),

credits as (

    select * from {{ ref('int_revenue_credits_shared') }}

),

currency_exponents as (

    select * from {{ ref('currency_exponents') }}

),

-- Days of service, the end exclusive; what has no period, or one within a day, is rendered on
-- the day it begins, or else the day it is invoiced.
lines_dated as (

    select
        revenue_events.revenue_event_id,
        revenue_events.net_amount,
        currency_exponents.exponent,
        coalesce({{ report_date('revenue_events.service_starts_at') }}, revenue_events.report_date)
            as starts_on,
        {{ report_date('revenue_events.service_ends_at') }} as service_ends_on

    from revenue_events
    inner join currency_exponents
        on revenue_events.currency = currency_exponents.currency
    where revenue_events.event_type = 'invoice_line'

),

lines_planned as (

    select
        revenue_event_id,
        net_amount,
        exponent,
        starts_on,
        greatest(coalesce(service_ends_on, starts_on + 1), starts_on + 1) as ends_on

    from lines_dated

),

-- A credit taken back leaves the plan it had shaped as one that held until that day.
plan_versions as (

    select distinct
        revenue_event_id,
        cast(null as date) as held_until

    from credits
    union all
    select distinct
        revenue_event_id,
        voided_date as held_until

    from credits
    where voided_date is not null

),

credits_ordered as (

    select
        credits.revenue_event_id,
        plan_versions.held_until,
        credits.credited_date,
        credits.credit_units,
        row_number() over (
            partition by credits.revenue_event_id, plan_versions.held_until
            order by credits.credited_date, credits.credit_id
        ) as credit_number

    from plan_versions
    inner join credits
        on
            plan_versions.revenue_event_id = credits.revenue_event_id
            and (
                credits.voided_date is null
                or credits.voided_date >= plan_versions.held_until
            )

),

-- The rest of a line after each of its credits: what service is still to come bears the credit,
-- and only what it cannot bear takes back service already rendered.
rests as (

    select
        lines_planned.revenue_event_id,
        credited_versions.held_until,
        cast(0 as bigint) as credit_number,
        lines_planned.starts_on,
        lines_planned.ends_on,
        {{ to_minor_units('lines_planned.net_amount', 'lines_planned.exponent') }} as rest_units,
        cast(0 as hugeint) as taken_back_units,
        cast(null as date) as credited_date

    from lines_planned
    inner join (
        select distinct
            credits_ordered.revenue_event_id,
            credits_ordered.held_until
        from credits_ordered
    ) as credited_versions
        on lines_planned.revenue_event_id = credited_versions.revenue_event_id
    union all
    select
        rests_at_credit.revenue_event_id,
        rests_at_credit.held_until,
        rests_at_credit.credit_number,
        rests_at_credit.starts_on,
        rests_at_credit.ends_on,
        rests_at_credit.rest_units
        - least(rests_at_credit.credit_units, greatest(rests_at_credit.rest_units, 0))
            as rest_units,
        rests_at_credit.credit_units
        - least(rests_at_credit.credit_units, greatest(rests_at_credit.rest_units, 0))
            as taken_back_units,
        rests_at_credit.credited_date

    from (
        select
            rests.revenue_event_id,
            rests.held_until,
            credits_ordered.credit_number,
            credits_ordered.credit_units,
            credits_ordered.credited_date,
            rests.ends_on,
            least(greatest(credits_ordered.credited_date, rests.starts_on), rests.ends_on)
                as starts_on,
            rests.rest_units - coalesce(
                {{ round_ratio(
                    'rests.rest_units * least(greatest('
                    ~ 'credits_ordered.credited_date - rests.starts_on, 0), '
                    ~ 'rests.ends_on - rests.starts_on)',
                    'rests.ends_on - rests.starts_on'
                ) }},
                -- No day of service is left.
                rests.rest_units
            ) as rest_units

        from rests
        inner join credits_ordered
            on
                rests.revenue_event_id = credits_ordered.revenue_event_id
                and rests.held_until is not distinct from credits_ordered.held_until
                and rests.credit_number + 1 = credits_ordered.credit_number
    ) as rests_at_credit

),

rests_cut as (

    select
        rests.*,
        lines_planned.exponent,
        coalesce(
            lead(rests.starts_on) over (
                partition by rests.revenue_event_id, rests.held_until
                order by rests.credit_number
            ),
            rests.ends_on
        ) as cut_on

    from rests
    inner join lines_planned
        on rests.revenue_event_id = lines_planned.revenue_event_id

),

plans as (

    select
        lines_planned.revenue_event_id,
        cast(null as date) as held_until,
        cast(0 as bigint) as plan_number,
        'service' as plan_type,
        lines_planned.net_amount as plan_amount,
        lines_planned.exponent,
        lines_planned.starts_on,
        lines_planned.ends_on,
        lines_planned.ends_on as cut_on

    from lines_planned
    anti join credits_ordered
        on
            lines_planned.revenue_event_id = credits_ordered.revenue_event_id
            and credits_ordered.held_until is null
    union all
    select
        revenue_event_id,
        held_until,
        credit_number as plan_number,
        'service' as plan_type,
        cast({{ from_minor_units('rest_units', 'exponent') }} as decimal(38, 4))
            as plan_amount,
        exponent,
        starts_on,
        ends_on,
        cut_on

    from rests_cut
    where cut_on > starts_on
    union all
    select
        revenue_event_id,
        held_until,
        credit_number as plan_number,
        'taken_back' as plan_type,
        -cast({{ from_minor_units('taken_back_units', 'exponent') }} as decimal(38, 4))
            as plan_amount,
        exponent,
        credited_date as starts_on,
        credited_date + 1 as ends_on,
        credited_date + 1 as cut_on

    from rests_cut
    where taken_back_units <> 0
    union all
    -- Notes without a line to take from.
    select
        credits.revenue_event_id,
        cast(null as date) as held_until,
        cast(1 as bigint) as plan_number,
        'taken_back' as plan_type,
        -credits.credit_amount as plan_amount,
        currency_exponents.exponent,
        credits.credited_date as starts_on,
        credits.credited_date + 1 as ends_on,
        credits.credited_date + 1 as cut_on

    from credits
    inner join revenue_events
        on
            credits.revenue_event_id = revenue_events.revenue_event_id
            and revenue_events.event_type = 'credit_note'
    inner join currency_exponents
        on revenue_events.currency = currency_exponents.currency

)

select
    revenue_event_id,
    held_until,
    plan_number,
    plan_type,
    plan_amount,
    exponent,
    starts_on,
    ends_on,
    cut_on,
    ends_on - starts_on as service_days

from plans
