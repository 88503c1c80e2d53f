with

consents as (

    select
        *,
        lower(trim(nfc_normalize(person_key))) as normalised_key

    from {{ ref('stg_files__consents') }}
    where withdrawn_at < {{ as_of_end() }}

),

leads as (

    select * from {{ ref('int_leads_unioned') }}

),

identified as (

    select * from {{ ref('int_leads_identified') }}

),

-- Withdrawn for calls or altogether, and not granted again since. Who wants no newsletter may
-- still be rung.
refusals as (

    select
        source_name,
        normalised_key,
        {{ report_date('withdrawn_at') }} as opted_out_date

    from consents
    where
        channel in ('all', 'call', 'phone')
        and coalesce(granted_at <= withdrawn_at, true)

),

-- A file names a person as the CRM does, or by address.
people_refusing as (

    select
        identified.person_key,
        refusals.opted_out_date

    from refusals
    inner join leads
        on refusals.normalised_key = lower(leads.source_record_id)
    inner join identified
        on leads.lead_id = identified.lead_id
    union all
    select
        identified.person_key,
        refusals.opted_out_date

    from refusals
    inner join leads
        on refusals.normalised_key = lower(trim(nfc_normalize(leads.email)))
    inner join identified
        on leads.lead_id = identified.lead_id

)

select
    identified.lead_id,
    min(people_refusing.opted_out_date) as opted_out_date

from identified
inner join people_refusing
    on identified.person_key = people_refusing.person_key
group by 1
