{%- set events = {
    'created': 'leads', 'mql': 'leads', 'sql': 'leads', 'won': 'leads_followed',
} -%}
with

leads as (

    select * from {{ ref('int_leads_resolved') }}

),

leads_attributed as (

    select * from {{ ref('int_leads_attributed') }}

),

campaigns as (

    select * from {{ ref('int_campaigns_unioned') }}

),

accounts as (

    select * from {{ ref('int_accounts_unioned') }}

),

identities as (

    select * from {{ ref('int_user_identities_mapped') }}

),

leads_followed as (

    select * from {{ ref('int_leads_followed') }}

),

owner_versions as (

    select * from {{ ref('int_lead_owners_versioned') }}

),

-- Compared column with column: an expression over both sides of an outer join would make it
-- a nested loop, quadratic in leads.
owner_terms as (

    select
        lead_id,
        rep_id,
        valid_from,
        coalesce(valid_to, timestamptz 'infinity') as valid_to

    from owner_versions

),

users as (

    select * from {{ ref('int_users_versioned') }}

)

select
    leads.lead_id,
    leads.source_name,
    leads.source_record_id,
    leads.legal_entity,
    leads.identity_rule,
    leads.record_count,
    leads.is_bulk_import,
    leads.created_at,
    {{ report_date('leads.created_at') }} as created_date,
    leads.mql_at,
    {{ report_date('leads.mql_at') }} as mql_date,
    leads.sql_at,
    {{ report_date('leads.sql_at') }} as sql_date,
    -- Qualified by marketing or by sales, whichever came first.
    {{ report_date('least(leads.mql_at, leads.sql_at)') }} as qualified_date,
    leads_followed.won_at,
    leads_followed.won_opportunity_id,
    {{ report_date('leads_followed.won_at') }} as won_date,
    leads_followed.first_touch_at,
    -- A win before the first touch is a mistake in one of the dates.
    case
        when leads_followed.won_at >= leads_followed.first_touch_at
            then
                {{ report_date('leads_followed.won_at') }}
                - {{ report_date('leads_followed.first_touch_at') }}
    end as conversion_days,
    leads.source,
    leads.lead_source_group,
    coalesce(leads_attributed.campaign_id, '(unknown)') as campaign_id,
    coalesce(leads_attributed.platform, '(unknown)') as platform,
    coalesce(campaigns.channel, '(unknown)') as channel,
    leads_attributed.is_paid,
    leads_attributed.match_rule as attribution_rule,
    coalesce(owners.user_id, '(unknown)') as owner_id,
    coalesce(creators.user_id, '(unknown)') as creator_id,
    coalesce(users.team_id, '(unknown)') as creator_team_id,
    coalesce(users.department_id, '(unknown)') as creator_department_id,
    -- Credit for what happened to a lead goes to whoever owned it then, in the team of that day.
    {%- for event, of in events.items() %}
        case
            when {{ of }}.{{ event }}_at is not null
                then coalesce({{ event }}_owners.rep_id, '(unknown)')
        end as {{ event }}_owner_id,
        case
            when {{ of }}.{{ event }}_at is not null
                then coalesce({{ event }}_teams.team_id, '(unknown)')
        end as {{ event }}_owner_team_id,
        case
            when {{ of }}.{{ event }}_at is not null
                then coalesce({{ event }}_teams.department_id, '(unknown)')
        end as {{ event }}_owner_department_id,
    {%- endfor %}
    {%- for role, column in [
        ('owner_id', 'owners.rep_id'),
        ('owner_team_id', 'teams.team_id'),
        ('owner_department_id', 'teams.department_id'),
    ] %}
        case
            when leads.mql_at <= coalesce(leads.sql_at, leads.mql_at)
                then coalesce(mql_{{ column }}, '(unknown)')
            when leads.sql_at is not null
                then coalesce(sql_{{ column }}, '(unknown)')
        end as qualified_{{ role }},
    {%- endfor %}
    accounts.surviving_account_id as account_id,
    coalesce(accounts.segment, '(unknown)') as segment,
    '{{ var("build_id") }}' as build_id

from leads
inner join leads_attributed
    on leads.lead_id = leads_attributed.lead_id
inner join leads_followed
    on leads.lead_id = leads_followed.lead_id
left join campaigns
    on leads_attributed.campaign_id = campaigns.campaign_id
left join accounts
    on leads.account_id = accounts.account_id
left join identities as owners
    on
        leads.source_name = owners.source_name
        and leads.source_owner_id = owners.source_user_id
left join identities as creators
    on
        leads.source_name = creators.source_name
        and leads.source_creator_id = creators.source_user_id
left join users
    on
        creators.user_id = users.user_id
        and {{ report_date('leads.created_at') }}
        between users.credited_from and users.credited_to
{%- for event, of in events.items() %}
    left join owner_terms as {{ event }}_owners
        on
            leads.lead_id = {{ event }}_owners.lead_id
            and {{ of }}.{{ event }}_at >= {{ event }}_owners.valid_from
            and {{ of }}.{{ event }}_at < {{ event }}_owners.valid_to
    left join users as {{ event }}_teams
        on
            {{ event }}_owners.rep_id = {{ event }}_teams.user_id
            and {{ report_date(of ~ '.' ~ event ~ '_at') }}
            between {{ event }}_teams.credited_from and {{ event }}_teams.credited_to
{%- endfor %}
