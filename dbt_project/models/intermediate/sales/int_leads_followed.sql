with

lead_records as (

    select * from {{ ref('int_leads_unioned') }}

),

identified as (

    select * from {{ ref('int_leads_identified') }}

),

leads as (

    select * from {{ ref('int_leads_resolved') }}

),

opportunities as (

    select * from {{ ref('int_opportunities_unioned') }}
    where is_sales_pipeline and not is_merged_away

),

closes as (

    select * from {{ ref('int_opportunities_closed') }}

),

activities as (

    select * from {{ ref('int_activities_unioned') }}
    where is_completed and not is_deleted

),

touches as (

    select * from {{ ref('int_touches_unioned') }}
    where touch_source = 'recorded' and lead_id is not null

),

-- Whichever record of a person a deal or an activity hangs on, it is the person's.
records_of_people as (

    select
        lead_records.lead_id as record_id,
        lead_records.opportunity_id,
        leads.lead_id

    from lead_records
    inner join identified
        on lead_records.lead_id = identified.lead_id
    inner join leads
        on identified.person_key = leads.person_key

),

wins as (

    select
        opportunities.opportunity_id,
        opportunities.lead_id as record_id,
        closes.closed_at

    from opportunities
    inner join closes
        on
            opportunities.opportunity_id = closes.opportunity_id
            and closes.status = 'won'

),

wins_of_people as (

    select
        records_of_people.lead_id,
        wins.opportunity_id,
        wins.closed_at

    from wins
    inner join records_of_people
        on wins.record_id = records_of_people.record_id
    union all
    select
        records_of_people.lead_id,
        wins.opportunity_id,
        wins.closed_at

    from wins
    inner join records_of_people
        on wins.opportunity_id = records_of_people.opportunity_id

),

first_wins as (

    select
        lead_id,
        opportunity_id as won_opportunity_id,
        closed_at as won_at

    from wins_of_people
    qualify row_number() over (
        partition by lead_id
        order by closed_at, opportunity_id
    ) = 1

),

first_activities as (

    select
        records_of_people.lead_id,
        min(activities.occurred_at) as first_activity_at

    from activities
    inner join records_of_people
        on activities.lead_id = records_of_people.record_id
    group by 1

),

first_touches as (

    select
        lead_id,
        min(occurred_at) as first_recorded_at

    from touches
    group by 1

)

select
    leads.lead_id,
    -- A second deal of the same person is no second customer.
    first_wins.won_at,
    first_wins.won_opportunity_id,
    least(
        leads.created_at,
        first_activities.first_activity_at,
        first_touches.first_recorded_at
    ) as first_touch_at

from leads
left join first_wins
    on leads.lead_id = first_wins.lead_id
left join first_activities
    on leads.lead_id = first_activities.lead_id
left join first_touches
    on leads.lead_id = first_touches.lead_id
