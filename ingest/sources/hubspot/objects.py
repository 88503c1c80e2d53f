"""Which properties each CRM object has and which contract column each one fills.

Belongs here: the tables property -> column and the row they make. Stays out: paging, the
objects that are not CRM records (`reference`).

HubSpot sends every value as text and a blank as "" or null; both are NULL. Nothing is
converted here: landing types the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ingest.sources.wire import Json, key_of, parse_instant, required

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP_LEVEL: Final = frozenset(
    {
        "id",
        "properties",
        "createdAt",
        "updatedAt",
        "archived",
        "archivedAt",
        "associations",
        "propertiesWithHistory",
        "url",
        "objectWriteTraceId",
    }
)
"""Names beside `properties` in a record (CRM objects documentation, read 2026-09)."""

PRIMARY_COMPANY: Final = 5
"""Association type deal -> primary company, defined by HubSpot."""


@dataclass(frozen=True)
class Link:
    """A column that holds the id of one linked record: the primary one, else the first."""

    column: str
    to_type: str
    primary_type: int | None = None


@dataclass(frozen=True)
class CrmObject:
    """One searchable object: its properties by column and its links."""

    entity: str
    object_type: str
    id_column: str
    columns: Mapping[str, str]
    links: tuple[Link, ...] = ()
    modified_property: str = "hs_lastmodifieddate"

    @property
    def properties(self) -> tuple[str, ...]:
        """Properties to ask for."""
        return (*self.columns.values(), self.modified_property)

    @property
    def known(self) -> frozenset[str]:
        """Properties HubSpot may send: asked for, or always added by it."""
        always = {"hs_object_id", "createdate", "hs_createdate", "hs_lastmodifieddate"}
        return frozenset({*self.properties, *always, "lastmodifieddate"})


CONTACTS: Final = CrmObject(
    entity="contacts",
    object_type="contacts",
    id_column="contact_id",
    modified_property="lastmodifieddate",
    columns=MappingProxyType(
        {
            "created_at": "createdate",
            "email": "email",
            "phone": "phone",
            "first_name": "firstname",
            "last_name": "lastname",
            "owner_id": "hubspot_owner_id",
            "created_by_id": "hs_created_by_user_id",
            "company_id": "associatedcompanyid",
            "lifecycle_stage": "lifecyclestage",
            "lead_status": "hs_lead_status",
            "mql_at": "hs_v2_date_entered_marketingqualifiedlead",
            "sql_at": "hs_v2_date_entered_salesqualifiedlead",
            "opportunity_at": "hs_v2_date_entered_opportunity",
            "customer_at": "hs_v2_date_entered_customer",
            "source": "hs_analytics_source",
            "source_detail_1": "hs_analytics_source_data_1",
            "source_detail_2": "hs_analytics_source_data_2",
            "google_click_id": "hs_google_click_id",
            "facebook_click_id": "hs_facebook_click_id",
            "utm_source": "utm_source",
            "utm_medium": "utm_medium",
            "utm_campaign": "utm_campaign",
            "merged_object_ids": "hs_merged_object_ids",
        }
    ),
)

COMPANIES: Final = CrmObject(
    entity="companies",
    object_type="companies",
    id_column="company_id",
    columns=MappingProxyType(
        {
            "company_name": "name",
            "domain": "domain",
            "industry": "industry",
            "segment": "customer_segment",
            "country": "country",
            "employee_count": "numberofemployees",
            "annual_revenue": "annualrevenue",
            "owner_id": "hubspot_owner_id",
            "parent_company_id": "hs_parent_company_id",
            "created_at": "createdate",
            "merged_object_ids": "hs_merged_object_ids",
        }
    ),
)

DEALS: Final = CrmObject(
    entity="deals",
    object_type="deals",
    id_column="deal_id",
    columns=MappingProxyType(
        {
            "deal_name": "dealname",
            "pipeline_id": "pipeline",
            "stage_id": "dealstage",
            "amount": "amount",
            "currency": "deal_currency_code",
            "created_at": "createdate",
            "close_at": "closedate",
            "owner_id": "hubspot_owner_id",
            "created_by_id": "hs_created_by_user_id",
            "deal_type": "dealtype",
            "closed_lost_reason": "closed_lost_reason",
            "closed_won_reason": "closed_won_reason",
            "term_months": "contract_term_months",
            "product_id": "product_code",
            "contact_method": "contact_method",
            "competitor": "competitor",
            "campaign_id": "hs_campaign",
            "next_activity_at": "notes_next_activity_date",
            "merged_object_ids": "hs_merged_object_ids",
        }
    ),
    links=(
        Link("company_id", "companies", PRIMARY_COMPANY),
        Link("contact_id", "contacts"),
    ),
)

CALLS: Final = CrmObject(
    entity="calls",
    object_type="calls",
    id_column="call_id",
    columns=MappingProxyType(
        {
            "occurred_at": "hs_timestamp",
            "duration_ms": "hs_call_duration",
            "disposition_id": "hs_call_disposition",
            "direction": "hs_call_direction",
            "status": "hs_call_status",
            "activity_type": "hs_activity_type",
            "owner_id": "hubspot_owner_id",
        }
    ),
    links=(
        Link("contact_id", "contacts"),
        Link("company_id", "companies"),
        Link("deal_id", "deals"),
    ),
)

EMAILS: Final = CrmObject(
    entity="emails",
    object_type="emails",
    id_column="email_id",
    columns=MappingProxyType(
        {
            "occurred_at": "hs_timestamp",
            "direction": "hs_email_direction",
            "status": "hs_email_status",
            "subject": "hs_email_subject",
            "owner_id": "hubspot_owner_id",
        }
    ),
    links=CALLS.links,
)

MEETINGS: Final = CrmObject(
    entity="meetings",
    object_type="meetings",
    id_column="meeting_id",
    columns=MappingProxyType(
        {
            "occurred_at": "hs_timestamp",
            "starts_at": "hs_meeting_start_time",
            "ends_at": "hs_meeting_end_time",
            "outcome": "hs_meeting_outcome",
            "activity_type": "hs_activity_type",
            "owner_id": "hubspot_owner_id",
        }
    ),
    links=CALLS.links,
)

CRM_OBJECTS: Final = {
    crm.entity: crm for crm in (CONTACTS, COMPANIES, DEALS, CALLS, EMAILS, MEETINGS)
}


def row_values(crm: CrmObject, row: Json) -> dict[str, object]:
    """Return the contract values of one record, links left out.

    `updated_at` of an archived record is the later of its last change and its archiving:
    the archived copy must win over the live one read minutes earlier.

    Raises:
        ContractViolation: id, properties or the last-modified property are absent, or the
            record is archived without saying when.
    """
    where = f"hubspot {crm.object_type}"
    properties = required(row, "properties", where)
    values: dict[str, object] = {
        column: blank_to_none(properties.get(name))
        for column, name in crm.columns.items()
    }
    changed = required(properties, crm.modified_property, where)
    updated_at = parse_instant(changed, f"{where}.{crm.modified_property}")
    deleted_at = None
    if row.get("archived"):
        deleted_at = parse_instant(required(row, "archivedAt", where), where)
        updated_at = max(updated_at, deleted_at)
    currency = values.get("currency")
    if isinstance(currency, str):
        values["currency"] = currency.upper()
    values[crm.id_column] = key_of(row, "id", where)
    values["updated_at"] = updated_at
    values["is_deleted"] = deleted_at is not None
    values["deleted_at"] = deleted_at
    return values


def blank_to_none(value: object) -> object:
    """Return None for HubSpot's blank text, else the value as received."""
    return None if value == "" else value
