"""What the records of CRM and billing are broken down by, as a night knows them.

Belongs here: the segment, source, campaign and product of a person, a deal or a customer, the
legal entity of a source, the team of a person. Stays out: what any of them adds to a KPI.

Decisions, where the catalogue leaves a choice:

* a deal came where its person came from, as long as the person and the deal are there; its
  segment is that of its company as known by the night;
* a customer of billing is the company of the CRM it names; one that was deleted 30 days before
  the first night or earlier names nobody, though its invoices are still there;
* team and department are those a person is in on the day a figure counts on.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from ingest.sandbox.people import EVERYONE
from ingest.sandbox.truth_campaigns import campaigns_of, noted_campaign
from ingest.sandbox.truth_rows import UNKNOWN, Contribution, Night, end_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from ingest.sandbox.model import Fields

SOURCE_GROUPS: Final = {
    "ORGANIC_SEARCH": "website",
    "DIRECT_TRAFFIC": "website",
    "PAID_SEARCH": "website",
    "PAID_SOCIAL": "social",
    "SOCIAL_MEDIA": "social",
    "OFFLINE": "sales_team",
    "REFERRALS": "referral",
    "OTHER_CAMPAIGNS": "other",
}
CRM_ENTITY: Final = "acme_vn"
"""Legal entity of the CRM and of the dropped files, as `warehouse.yml` of the sandbox says."""
AD_ENTITIES: Final = {"google": "acme_vn", "meta": "acme_sg"}
_PERSONS: Final = {person.user_id: person for person in EVERYONE}
_NOBODY: Final = dict.fromkeys(
    ("lead_source_group", "campaign", "channel", "platform"), UNKNOWN
)


def members_of_lead(night: Night, state: Fields) -> dict[str, str]:
    """Return where a contact came from, and the segment of its company."""
    platform, found = noted_campaign(state, _campaigns(night))
    campaign, channel = found or (UNKNOWN, UNKNOWN)
    return {
        "lead_source_group": SOURCE_GROUPS.get(str(state["source"]), UNKNOWN),
        "campaign": campaign,
        "channel": channel,
        "platform": platform,
        "segment": segment_of(night, state["company_id"]),
    }


def members_of_deal(night: Night, state: Fields) -> dict[str, str]:
    """Return where the person of a deal came from, its product and its company's segment."""
    known: dict[object, dict[str, str]] = night.found.setdefault("deal members", {})
    key = (
        state["deal_id"],
        state["contact_id"],
        state["company_id"],
        state["is_deleted"],
    )
    if key not in known:
        is_there = not state["is_deleted"]
        contact = night.contact(state["contact_id"]) if is_there else None
        company = state["company_id"] if is_there else None
        known[key] = {
            **_NOBODY,
            **(members_of_lead(night, contact) if contact else {}),
            "product": str(state["product_id"] or UNKNOWN),
            "segment": segment_of(night, company),
        }
    return known[key]


def company_of(night: Night, customer: tuple[str, str]) -> str | None:
    """Return the company of the CRM that a customer of a billing account names, if any."""
    if "customer companies" not in night.found:
        # Billing tells of deletions for so long.
        forgotten = end_of(night.first_as_of) - timedelta(days=30)
        night.found["customer companies"] = {
            (account.name, record.id): state["crm_account_id"]
            for account in night.company.stripe.values()
            for record in account.customers
            if (state := night.state(record)) is not None
            and not (record.state_at(forgotten) or {}).get("is_deleted")
        }
    return night.found["customer companies"].get(customer)


def segment_of(night: Night, company_id: object) -> str:
    """Return the segment of a company by the night."""
    segments: dict[object, str] = night.found.setdefault("segments", {})
    if not segments:
        states = (
            (record.id, night.state(record))
            for record in night.company.hubspot.companies
        )
        segments.update(
            {key: str(state["segment"] or UNKNOWN) for key, state in states if state}
        )
    return segments.get(company_id, UNKNOWN)


def channel_of(night: Night, campaign: str) -> str:
    """Return the channel of a campaign."""
    if "channels" not in night.found:
        night.found["channels"] = dict(_campaigns(night).values())
    return night.found["channels"].get(campaign, UNKNOWN)


def member_of(row: Contribution, breakdown: str) -> str | None:
    """Return under which member of a breakdown a row counts; None = the truth does not tell.

    What follows from the person and the day, or holds for all of the CRM, rows need not say.
    """
    if breakdown in row.members:
        return row.members[breakdown] or UNKNOWN
    if breakdown in {"team", "department"} and "rep" in row.members:
        return _posting(row.members["rep"], row.day)[breakdown]
    return None


def members_of_person(rep: str, day: date) -> dict[str, str]:
    """Return a person with team and department on another day than the figure's."""
    return {"rep": rep, **_posting(rep, day)}


@cache
def _posting(rep: str, day: date) -> Mapping[str, str]:
    """Return team and department of a person on a day."""
    person = _PERSONS.get(rep)
    if person is None:
        return {"team": UNKNOWN, "department": UNKNOWN}
    return {"team": person.team_on(day), "department": person.department}


def _campaigns(night: Night) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Return the campaigns words name, looked up once a night."""
    if "campaigns" not in night.found:
        night.found["campaigns"] = campaigns_of(night)
    return night.found["campaigns"]
