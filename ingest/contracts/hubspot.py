"""HubSpot CRM objects as they land (API v3, property strings typed, nothing converted).

Sources: design/sources.md §1. Instants are UTC. HubSpot sends every number as a string and a
blank as "" or null; both land as NULL.
"""

from __future__ import annotations

from ingest.entities import (
    EntityContract,
    Pii,
    Truth,
    boolean,
    instant,
    integer,
    money,
    number,
    text,
)

_MERGED = text(
    "merged_object_ids", "Ids merged into this record, ';' separated; NULL = none."
)
_DELETED = boolean(
    "is_deleted", "True once the record is in the recycle bin (archived=true)."
)
_UPDATED = instant(
    "updated_at", "Last modification at HubSpot; the cursor of this object."
)

CONTACTS = EntityContract(
    kind="hubspot",
    name="contacts",
    grain="One row per contact and extract.",
    key=("contact_id",),
    version_column="updated_at",
    date_column="created_at",
    columns=(
        text("contact_id", "hs_object_id."),
        instant("created_at", "createdate."),
        _UPDATED,
        text("email", "email.", pii=Pii.DIRECT),
        text("phone", "phone.", pii=Pii.DIRECT),
        text("first_name", "firstname.", pii=Pii.DIRECT),
        text("last_name", "lastname.", pii=Pii.DIRECT),
        text("owner_id", "hubspot_owner_id now; NULL = nobody."),
        text("created_by_id", "hs_created_by_user_id; NULL = form or import."),
        text("company_id", "associatedcompanyid; NULL = none."),
        text("lifecycle_stage", "lifecyclestage now; may move backwards."),
        text("lead_status", "hs_lead_status."),
        instant("mql_at", "hs_v2_date_entered_marketingqualifiedlead; NULL = never."),
        instant("sql_at", "hs_v2_date_entered_salesqualifiedlead; NULL = never."),
        instant("opportunity_at", "hs_v2_date_entered_opportunity; NULL = never."),
        instant("customer_at", "hs_v2_date_entered_customer; NULL = never."),
        text("source", "hs_analytics_source (original source); NULL = not recorded."),
        text("source_detail_1", "hs_analytics_source_data_1.", pii=Pii.INDIRECT),
        text("source_detail_2", "hs_analytics_source_data_2.", pii=Pii.INDIRECT),
        text("google_click_id", "hs_google_click_id.", pii=Pii.INDIRECT),
        text("facebook_click_id", "hs_facebook_click_id.", pii=Pii.INDIRECT),
        text("utm_source", "utm_source (custom property)."),
        text("utm_medium", "utm_medium (custom property)."),
        text("utm_campaign", "utm_campaign (custom property); campaign id or name."),
        _MERGED,
        _DELETED,
        instant("deleted_at", "archivedAt; NULL = not archived."),
    ),
)

CONTACT_PROPERTY_HISTORY = EntityContract(
    kind="hubspot",
    name="contact_property_history",
    truth=Truth.LEDGER,
    grain="One row per contact, property and instant at which the value was set.",
    key=("contact_id", "property", "changed_at"),
    date_column="changed_at",
    columns=(
        text("contact_id", "Contact the value belongs to."),
        text(
            "property",
            "HubSpot property name.",
            values=("hubspot_owner_id", "lifecyclestage"),
        ),
        instant("changed_at", "When the value took effect."),
        text("value", "Value as sent; NULL = cleared."),
        text("changed_by_id", "updatedByUserId; NULL = automation."),
    ),
)

COMPANIES = EntityContract(
    kind="hubspot",
    name="companies",
    grain="One row per company and extract.",
    key=("company_id",),
    version_column="updated_at",
    date_column="created_at",
    columns=(
        text("company_id", "hs_object_id."),
        text("company_name", "name."),
        text("domain", "domain.", pii=Pii.INDIRECT),
        text("industry", "industry."),
        text("segment", "customer_segment (custom property)."),
        text("country", "country."),
        integer("employee_count", "numberofemployees.", unit="people"),
        money("annual_revenue", "annualrevenue.", currency="annual_revenue_currency"),
        text("annual_revenue_currency", "Portal home currency of annualrevenue."),
        text("owner_id", "hubspot_owner_id now; NULL = nobody."),
        text("parent_company_id", "hs_parent_company_id."),
        instant("created_at", "createdate."),
        _UPDATED,
        _MERGED,
        _DELETED,
        instant("deleted_at", "archivedAt; NULL = not archived."),
    ),
)

DEALS = EntityContract(
    kind="hubspot",
    name="deals",
    grain="One row per deal and extract.",
    key=("deal_id",),
    version_column="updated_at",
    date_column="created_at",
    columns=(
        text("deal_id", "hs_object_id."),
        text("deal_name", "dealname; free text.", pii=Pii.INDIRECT),
        text("pipeline_id", "pipeline."),
        text("stage_id", "dealstage now."),
        money("amount", "amount; total contract value as entered; NULL = blank."),
        text("currency", "deal_currency_code, upper case; NULL = portal did not say."),
        instant("created_at", "createdate."),
        _UPDATED,
        instant("close_at", "closedate: expected while open, actual once closed."),
        text("owner_id", "hubspot_owner_id now."),
        text("created_by_id", "hs_created_by_user_id."),
        text("deal_type", "dealtype: newbusiness, existingbusiness, renewal."),
        text("closed_lost_reason", "closed_lost_reason."),
        text("closed_won_reason", "closed_won_reason."),
        integer(
            "term_months", "contract_term_months (custom property).", unit="months"
        ),
        text("product_id", "product_code (custom property)."),
        text("contact_method", "contact_method (custom property)."),
        text("competitor", "competitor (custom property)."),
        text("campaign_id", "hs_campaign."),
        instant("next_activity_at", "notes_next_activity_date."),
        text("company_id", "Primary company association; NULL = none."),
        text("contact_id", "First contact association; NULL = none."),
        _MERGED,
        _DELETED,
        instant("deleted_at", "archivedAt; NULL = not archived."),
    ),
)

DEAL_PROPERTY_HISTORY = EntityContract(
    kind="hubspot",
    name="deal_property_history",
    truth=Truth.LEDGER,
    grain="One row per deal, property and instant at which the value was set.",
    key=("deal_id", "property", "changed_at"),
    date_column="changed_at",
    columns=(
        text("deal_id", "Deal the value belongs to."),
        text(
            "property",
            "HubSpot property name.",
            values=(
                "dealstage",
                "amount",
                "closedate",
                "hubspot_owner_id",
                "pipeline",
                "notes_next_activity_date",
            ),
        ),
        instant("changed_at", "When the value took effect."),
        text("value", "Value as sent; NULL = cleared."),
        text("changed_by_id", "updatedByUserId; NULL = automation."),
    ),
)

CALLS = EntityContract(
    kind="hubspot",
    name="calls",
    grain="One row per logged call and extract.",
    key=("call_id",),
    version_column="updated_at",
    date_column="occurred_at",
    columns=(
        text("call_id", "hs_object_id."),
        instant("occurred_at", "hs_timestamp: when the call started."),
        _UPDATED,
        integer(
            "duration_ms", "hs_call_duration; NULL = not recorded.", unit="milliseconds"
        ),
        text(
            "disposition_id", "hs_call_disposition (GUID); label in call_dispositions."
        ),
        text("direction", "hs_call_direction.", values=("OUTBOUND", "INBOUND")),
        text(
            "status", "hs_call_status: COMPLETED, NO_ANSWER, BUSY, FAILED, CANCELED …"
        ),
        text(
            "activity_type",
            "hs_activity_type, e.g. demo or onboarding; NULL = plain call.",
        ),
        text("owner_id", "hubspot_owner_id."),
        text("contact_id", "First associated contact; NULL = none."),
        text("company_id", "First associated company; NULL = none."),
        text("deal_id", "First associated deal; NULL = none."),
        _DELETED,
        instant("deleted_at", "archivedAt; NULL = not archived."),
    ),
)

EMAILS = EntityContract(
    kind="hubspot",
    name="emails",
    grain="One row per logged one-to-one e-mail and extract.",
    key=("email_id",),
    version_column="updated_at",
    date_column="occurred_at",
    columns=(
        text("email_id", "hs_object_id."),
        instant("occurred_at", "hs_timestamp: when it was sent or arrived."),
        _UPDATED,
        text(
            "direction",
            "hs_email_direction: EMAIL (sent), INCOMING_EMAIL or FORWARDED_EMAIL.",
        ),
        text("status", "hs_email_status: SENT, BOUNCED, FAILED, SCHEDULED, SENDING."),
        text("subject", "hs_email_subject; NULL = blank.", pii=Pii.DIRECT),
        text("owner_id", "hubspot_owner_id."),
        text("contact_id", "First associated contact; NULL = none."),
        text("company_id", "First associated company; NULL = none."),
        text("deal_id", "First associated deal; NULL = none."),
        _DELETED,
        instant("deleted_at", "archivedAt; NULL = not archived."),
    ),
)

MEETINGS = EntityContract(
    kind="hubspot",
    name="meetings",
    grain="One row per logged meeting and extract.",
    key=("meeting_id",),
    version_column="updated_at",
    date_column="occurred_at",
    columns=(
        text("meeting_id", "hs_object_id."),
        instant("occurred_at", "hs_timestamp: when the meeting starts."),
        instant("starts_at", "hs_meeting_start_time."),
        instant("ends_at", "hs_meeting_end_time; NULL = not recorded."),
        _UPDATED,
        text(
            "outcome",
            "hs_meeting_outcome: SCHEDULED, COMPLETED, NO_SHOW, CANCELED, RESCHEDULED.",
        ),
        text(
            "activity_type",
            "hs_activity_type, e.g. demo or proposal; NULL = plain meeting.",
        ),
        text("owner_id", "hubspot_owner_id."),
        text("contact_id", "First associated contact; NULL = none."),
        text("company_id", "First associated company; NULL = none."),
        text("deal_id", "First associated deal; NULL = none."),
        _DELETED,
        instant("deleted_at", "archivedAt; NULL = not archived."),
    ),
)

CALL_DISPOSITIONS = EntityContract(
    kind="hubspot",
    name="call_dispositions",
    grain="One row per disposition and extract.",
    key=("disposition_id",),
    columns=(
        text("disposition_id", "GUID; differs between portals when customised."),
        text("label", "Label shown to users, e.g. Connected, No answer, Busy."),
        boolean("is_deleted", "True when no longer offered."),
    ),
)

OWNERS = EntityContract(
    kind="hubspot",
    name="owners",
    grain="One row per owner (archived included) and extract.",
    key=("owner_id",),
    columns=(
        text("owner_id", "Owner id used on records; not the user id."),
        text("user_id", "HubSpot user id, used in created_by fields."),
        text("email", "Work e-mail.", pii=Pii.INDIRECT),
        text("first_name", "Employee's first name.", pii=Pii.INDIRECT),
        text("last_name", "Employee's last name.", pii=Pii.INDIRECT),
        text("team_name", "Primary team; NULL = none."),
        boolean("is_deleted", "True once the owner left (archived)."),
        instant("created_at", "createdAt."),
        instant("updated_at", "updatedAt."),
    ),
)

DEAL_STAGES = EntityContract(
    kind="hubspot",
    name="deal_stages",
    grain="One row per pipeline stage and extract.",
    key=("pipeline_id", "stage_id"),
    columns=(
        text("pipeline_id", "Pipeline id."),
        text("stage_id", "Stage id, unique in the portal."),
        text("pipeline_label", "Pipeline name."),
        text("stage_label", "Stage name."),
        integer("display_order", "Order in the pipeline, from 0.", unit="position"),
        number("probability", "metadata.probability, 0 to 1.", unit="share"),
        boolean("is_closed", "metadata.isClosed."),
    ),
)

CONTRACTS = (
    CONTACTS,
    CONTACT_PROPERTY_HISTORY,
    COMPANIES,
    DEALS,
    DEAL_PROPERTY_HISTORY,
    CALLS,
    EMAILS,
    MEETINGS,
    CALL_DISPOSITIONS,
    OWNERS,
    DEAL_STAGES,
)
