with

leads as (

    select * from {{ ref('int_leads_unioned') }}

),

contacts_normalised as (

    select
        lead_id,
        -- The survivor's own address identifies the whole merged group.
        surviving_lead_id,
        nullif(lower(trim(nfc_normalize(email))), '') as email_key,
        -- Digits only, international prefix as the national 0: +84 912… = 0912….
        nullif(
            regexp_replace(
                regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g'), '^(00)?84', '0'
            ),
            ''
        ) as phone_key

    from leads

),

survivors as (

    select
        lead_id as surviving_lead_id,
        email_key,
        case when length(phone_key) >= 8 then phone_key end as phone_key

    from contacts_normalised
    where lead_id = surviving_lead_id

),

-- A phone names a person only where it leads to one e-mail address: a company's switchboard
-- stands on many people's records.
phones_with_one_email as (

    select
        phone_key,
        min(email_key) as email_key

    from survivors
    where phone_key is not null and email_key is not null
    group by 1
    having count(distinct email_key) = 1

),

shared_phones as (

    select phone_key
    from survivors
    where phone_key is not null
    group by 1
    having count(distinct email_key) > 1

)

select
    contacts_normalised.lead_id,
    contacts_normalised.surviving_lead_id,
    case
        when survivors.email_key is not null then 'email:' || survivors.email_key
        when phones_with_one_email.email_key is not null
            then 'email:' || phones_with_one_email.email_key
        when survivors.phone_key is not null and shared_phones.phone_key is null
            then 'phone:' || survivors.phone_key
        else 'record:' || contacts_normalised.surviving_lead_id
    end as person_key,
    case
        when survivors.email_key is not null then 'email'
        when phones_with_one_email.email_key is not null then 'phone'
        when survivors.phone_key is not null and shared_phones.phone_key is null then 'phone'
        else 'record'
    end as identity_rule

from contacts_normalised
left join survivors
    on contacts_normalised.surviving_lead_id = survivors.surviving_lead_id
left join phones_with_one_email
    on survivors.phone_key = phones_with_one_email.phone_key
left join shared_phones
    on survivors.phone_key = shared_phones.phone_key
