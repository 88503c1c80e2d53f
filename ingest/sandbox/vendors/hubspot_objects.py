"""HubSpot's property names for the company's records, and the records of one instant.

Belongs here: which property shows which field, how values become HubSpot text, which records
are live, archived or merged away, what is associated with what. Stays out: paths, paging,
filters and error bodies (`hubspot`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.render import ClockCache, format_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ingest.sandbox.model import Fields, HubSpotPortal, Versioned

BIN_DAYS: Final = timedelta(days=90)
"""Archived records leave the recycle bin, and the API, after 90 days."""

Native = str | Decimal | datetime | bool | None


@dataclass(frozen=True)
class ObjectType:
    """One CRM object: its key, its property names and those sent unasked."""

    name: str
    singular: str
    key: str
    modified: str
    created: str
    properties: Mapping[str, str]
    """Property name to field of the model; names the model lacks are blank."""
    defaults: tuple[str, ...]
    links: Mapping[str, str]
    """Associated object type to the field that holds its id."""


CONTACTS: Final = ObjectType(
    name="contacts",
    singular="contact",
    key="contact_id",
    modified="lastmodifieddate",
    created="createdate",
    properties={
        "email": "email",
        "phone": "phone",
        "firstname": "first_name",
        "lastname": "last_name",
        "hubspot_owner_id": "owner_id",
        "hs_created_by_user_id": "created_by_id",
        "associatedcompanyid": "company_id",
        "lifecyclestage": "lifecycle_stage",
        "hs_lead_status": "lead_status",
        "hs_v2_date_entered_marketingqualifiedlead": "mql_at",
        "hs_v2_date_entered_salesqualifiedlead": "sql_at",
        "hs_v2_date_entered_opportunity": "opportunity_at",
        "hs_v2_date_entered_customer": "customer_at",
        "hs_analytics_source": "source",
        "hs_analytics_source_data_1": "source_detail_1",
        "hs_analytics_source_data_2": "source_detail_2",
        "hs_google_click_id": "google_click_id",
        "hs_facebook_click_id": "facebook_click_id",
        "utm_source": "utm_source",
        "utm_medium": "utm_medium",
        "utm_campaign": "utm_campaign",
        "hs_merged_object_ids": "merged_object_ids",
    },
    defaults=("email", "firstname", "lastname"),
    links={"companies": "company_id"},
)
COMPANIES: Final = ObjectType(
    name="companies",
    singular="company",
    key="company_id",
    modified="hs_lastmodifieddate",
    created="createdate",
    properties={
        "name": "company_name",
        "domain": "domain",
        "industry": "industry",
        "customer_segment": "segment",
        "country": "country",
        "numberofemployees": "employee_count",
        "annualrevenue": "annual_revenue",
        "hubspot_owner_id": "owner_id",
        "hs_parent_company_id": "parent_company_id",
        "hs_merged_object_ids": "merged_object_ids",
    },
    defaults=("name", "domain"),
    links={},
)
DEALS: Final = ObjectType(
    name="deals",
    singular="deal",
    key="deal_id",
    modified="hs_lastmodifieddate",
    created="createdate",
    properties={
        "dealname": "deal_name",
        "pipeline": "pipeline_id",
        "dealstage": "stage_id",
        "amount": "amount",
        "deal_currency_code": "currency",
        "closedate": "close_at",
        "hubspot_owner_id": "owner_id",
        "hs_created_by_user_id": "created_by_id",
        "dealtype": "deal_type",
        "closed_lost_reason": "closed_lost_reason",
        "closed_won_reason": "closed_won_reason",
        "contract_term_months": "term_months",
        "product_code": "product_id",
        "contact_method": "contact_method",
        "competitor": "competitor",
        "hs_campaign": "campaign_id",
        "notes_next_activity_date": "next_activity_at",
        "hs_merged_object_ids": "merged_object_ids",
    },
    defaults=("dealname", "pipeline", "dealstage", "amount", "closedate"),
    links={"companies": "company_id", "contacts": "contact_id"},
)
CALLS: Final = ObjectType(
    name="calls",
    singular="call",
    key="call_id",
    modified="hs_lastmodifieddate",
    created="hs_createdate",
    properties={
        "hs_timestamp": "occurred_at",
        "hs_call_duration": "duration_ms",
        "hs_call_disposition": "disposition_id",
        "hs_call_direction": "direction",
        "hs_call_status": "status",
        "hs_activity_type": "activity_type",
        "hubspot_owner_id": "owner_id",
    },
    defaults=(),
    links={"contacts": "contact_id", "companies": "company_id", "deals": "deal_id"},
)
EMAILS: Final = ObjectType(
    name="emails",
    singular="email",
    key="email_id",
    modified="hs_lastmodifieddate",
    created="hs_createdate",
    properties={
        "hs_timestamp": "occurred_at",
        "hs_email_direction": "direction",
        "hs_email_status": "status",
        "hs_email_subject": "subject",
        "hubspot_owner_id": "owner_id",
    },
    defaults=(),
    links=CALLS.links,
)
MEETINGS: Final = ObjectType(
    name="meetings",
    singular="meeting",
    key="meeting_id",
    modified="hs_lastmodifieddate",
    created="hs_createdate",
    properties={
        "hs_timestamp": "occurred_at",
        "hs_meeting_start_time": "starts_at",
        "hs_meeting_end_time": "ends_at",
        "hs_meeting_outcome": "outcome",
        "hs_activity_type": "activity_type",
        "hubspot_owner_id": "owner_id",
    },
    defaults=(),
    links=CALLS.links,
)
OBJECT_TYPES: Final = {
    kind.name: kind for kind in (CONTACTS, COMPANIES, DEALS, CALLS, EMAILS, MEETINGS)
}


@dataclass(frozen=True)
class Record:
    """One record as HubSpot holds it at an instant."""

    number: int
    kind: ObjectType
    fields: Fields
    versioned: Versioned
    created: datetime
    updated: datetime
    archived_at: datetime | None

    def native(self, name: str) -> Native:
        """Return a property's value; unknown and blank ones are None."""
        if name == "hs_object_id":
            return Decimal(self.number)
        if name == self.kind.modified:
            return self.updated
        if name == self.kind.created:
            return self.created
        return as_native(self.fields.get(self.kind.properties.get(name, "")))

    def text(self, name: str, now: datetime) -> str | None:
        """Return a property as HubSpot sends it.

        A property nobody ever filled is null; one that was cleared is the empty string.
        """
        value = self.native(name)
        if value is not None:
            return as_text(value)
        field = self.kind.properties.get(name, "")
        was_set = any(
            version.fields and version.fields.get(field) is not None
            for version in self.versioned.versions
            if version.at <= now
        )
        return "" if was_set else None

    def knows(self, name: str) -> bool:
        """Tell whether the portal has such a property."""
        own = ("hs_object_id", self.kind.modified, self.kind.created)
        return name in self.kind.properties or name in own


def as_native(value: object) -> Native:
    """Return a field's value in the type HubSpot compares it by."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, datetime):
        return to_milliseconds(value)
    if isinstance(value, date):
        return value.isoformat()
    return Decimal(str(value))


def as_text(value: Native) -> str:
    """Return a value as HubSpot's property text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value or ""


class PortalState:
    """The portal's records at the present clock, indexed once per clock."""

    def __init__(self, portal: HubSpotPortal) -> None:
        """Keep the portal's histories."""
        self._versioned: Mapping[str, Sequence[Versioned]] = {
            "contacts": portal.contacts,
            "companies": portal.companies,
            "deals": portal.deals,
            "calls": portal.calls,
            "emails": portal.emails,
            "meetings": portal.meetings,
        }
        self._records: ClockCache[dict[int, Record]] = ClockCache()
        self._links: ClockCache[dict[str, list[str]]] = ClockCache()
        self._merged: ClockCache[dict[str, str]] = ClockCache()

    def records(self, kind: ObjectType, now: datetime) -> dict[int, Record]:
        """Return live and binned records by id, ascending; merged ones are nowhere."""
        return self._records.get(now, kind.name, lambda: self._read(kind, now))

    def live(self, kind: ObjectType, now: datetime) -> list[Record]:
        """Return the records that are not archived, ascending by id."""
        found = self.records(kind, now).values()
        return [record for record in found if record.archived_at is None]

    def links(self, source: str, target: str, now: datetime) -> dict[str, list[str]]:
        """Return ids of live target records associated with each live source record."""
        return self._links.get(
            now, (source, target), lambda: self._associate(source, target, now)
        )

    def _read(self, kind: ObjectType, now: datetime) -> dict[int, Record]:
        """Return the records of one type at an instant."""
        found = (_read_record(kind, one, now) for one in self._versioned[kind.name])
        records = [record for record in found if record is not None]
        records.sort(key=lambda record: record.number)
        return {record.number: record for record in records}

    def _associate(
        self, source: str, target: str, now: datetime
    ) -> dict[str, list[str]]:
        """Return the associations of one direction; the model stores one of the two."""
        field = OBJECT_TYPES[source].links.get(target)
        if field is None:
            return _inverted(self._stored_links(target, source, now))
        return self._stored_links(source, target, now)

    def _stored_links(
        self, source: str, target: str, now: datetime
    ) -> dict[str, list[str]]:
        """Return the associations held by a field of the source records."""
        field = OBJECT_TYPES[source].links.get(target, "")
        targets = self.records(OBJECT_TYPES[target], now)
        survivors = self._survivors(OBJECT_TYPES[target], now)
        found: dict[str, list[str]] = {}
        for record in self.live(OBJECT_TYPES[source], now):
            target_id = str(record.fields.get(field) or "")
            # A merge moves the loser's associations to the survivor.
            target_id = survivors.get(target_id, target_id)
            linked = targets.get(int(target_id)) if target_id else None
            if linked is not None and linked.archived_at is None:
                found[str(record.number)] = [target_id]
        return found

    def _survivors(self, kind: ObjectType, now: datetime) -> dict[str, str]:
        """Return the surviving id for each id that was merged away."""

        def read() -> dict[str, str]:
            return {
                loser: str(record.number)
                for record in self.records(kind, now).values()
                for loser in str(record.fields.get("merged_object_ids") or "").split(
                    ";"
                )
                if loser
            }

        return self._merged.get(now, kind.name, read)


def _read_record(kind: ObjectType, one: Versioned, now: datetime) -> Record | None:
    """Return one record at an instant; None = not there, merged away or out of the bin."""
    version = one.version_at(now)
    if version is None or version.fields is None:
        return None
    fields = version.fields
    archived_at = None
    if fields.get("is_deleted"):
        archived_at = _instant(fields.get("deleted_at"), version.at)
        if archived_at + BIN_DAYS < now:
            return None
    return Record(
        number=int(one.id),
        kind=kind,
        fields=fields,
        versioned=one,
        created=_instant(fields.get("created_at"), one.versions[0].at),
        updated=_instant(fields.get("updated_at"), version.at),
        archived_at=archived_at,
    )


def _instant(value: object, otherwise: datetime) -> datetime:
    """Return the field's instant in whole milliseconds, else the version's own."""
    return to_milliseconds(value if isinstance(value, datetime) else otherwise)


def _inverted(links: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the associations seen from the other side."""
    found: dict[str, list[str]] = {}
    for source, targets in links.items():
        for target in targets:
            found.setdefault(target, []).append(source)
    return found
