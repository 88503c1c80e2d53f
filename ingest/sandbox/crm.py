"""The leads of the sandbox company: contacts and the companies behind them.

Belongs here: contacts from birth to lifecycle, spam that is archived, companies, duplicates and
their merge partner. Stays out: deals (`deals`), calls (`calls`), carrying out merges
(`mutations`).
"""

# ruff: noqa: PLR2004  # chances and sizes are what the story is made of

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.ads import Plan, campaign_plans
from ingest.sandbox.names import draw_company, draw_person, to_ascii
from ingest.sandbox.people import HANDOVER_AT, HEIR, LEAVER, Person, reps_on
from ingest.sandbox.story import (
    STORY_START,
    Draft,
    any_instant,
    days_until,
    dice,
    draw_count,
    is_business_day,
    local_day,
    office_instant,
)

if TYPE_CHECKING:
    from random import Random

_PER_DAY: Final = 2.65
"""Mean number of leads a day at the start of the story; grows by half in two years."""
_ID_BASE: Final = 20_000_000_000
_SLOT: Final = 100_000
"""Record ids are day number × slot + position, so a day's ids do not depend on other days."""

_SOURCES: Final = (
    ("PAID_SEARCH", 22),
    ("PAID_SOCIAL", 19),
    ("OFFLINE", 19),
    ("ORGANIC_SEARCH", 13),
    ("DIRECT_TRAFFIC", 8),
    ("SOCIAL_MEDIA", 6),
    ("REFERRALS", 7),
    ("OTHER_CAMPAIGNS", 3),
    (None, 3),
)
"""HubSpot's original source and its weight; None = nobody recorded one."""

_INDUSTRIES: Final = (
    "retail",
    "logistics",
    "education",
    "manufacturing",
    "healthcare",
    "fnb",
)


@dataclass(slots=True)
class Lead:
    """One contact on its way; later steps add to the drafts."""

    contact: Draft
    born_at: datetime
    owner: Person
    company_id: str | None
    company_name: str
    is_foreign: bool
    is_spam: bool
    email: str
    mql_at: datetime | None
    sql_at: datetime | None
    fell_back_at: datetime | None = None
    duplicate_of: Lead | None = None


def record_id(day: date, position: int, kind: int) -> str:
    """Return a portal-wide unique numeric id; kinds keep objects of a day apart."""
    return str(_ID_BASE * kind + day.toordinal() * _SLOT + position)


def tell_leads(
    seed: int, scale: int, until: datetime
) -> tuple[list[Lead], list[Draft]]:
    """Return every lead born up to `until`, in order, and the companies behind them."""
    leads: list[Lead] = []
    companies: list[Draft] = []
    plans = {name: campaign_plans(name, scale) for name in ("google", "meta")}
    for day in days_until(until):
        throw = dice(seed, "leads", day)
        growth = 1 + min((day - STORY_START).days, 1100) / 1100 * 0.75
        mean = _PER_DAY * scale * growth * (1.15 if is_business_day(day) else 0.6)
        for position in range(draw_count(mean, throw)):
            person = dice(seed, "lead", day, position)
            lead = _bear_lead(
                day, position, person, plans=plans, companies=companies, earlier=leads
            )
            _return(lead, dice(seed, "return", day, position))
            leads.append(lead)
    return leads, companies


def _bear_lead(
    day: date,
    position: int,
    throw: Random,
    *,
    plans: dict[str, tuple[Plan, ...]],
    companies: list[Draft],
    earlier: list[Lead],
) -> Lead:
    """Return a new lead; one in thirty is a second record of an earlier person."""
    born_at = any_instant(day, throw)
    reps = reps_on(day)
    owner = throw.choice(reps)
    twin = _pick_twin(earlier, born_at, throw) if throw.random() < 0.033 else None
    first, last = draw_person(throw)
    contact = Draft(record_id(day, position, 1))
    number = int(contact.id) - _ID_BASE
    email = f"{to_ascii(last + first)}{number:x}@khach.example"
    foreign = owner.team_on(day) == "Quốc tế" and throw.random() < 0.6
    company_id, company_name = None, draw_company(throw, foreign=foreign)
    if twin:
        # Another address of the same person: HubSpot keeps e-mails unique in a portal.
        company_id, company_name = twin.company_id, twin.company_name
        foreign = twin.is_foreign
    elif throw.random() < 0.8:
        company_id = record_id(day, position, 2)
        companies.append(
            _write_company(
                company_id, company_name, owner, born_at, throw, foreign=foreign
            )
        )
    contact.change(
        born_at,
        {
            "contact_id": contact.id,
            "created_at": born_at,
            "email": email,
            "phone": f"+84 {number}" if throw.random() < 0.9 else None,
            "first_name": first,
            "last_name": last,
            "owner_id": owner.owner_id if throw.random() < 0.97 else None,
            "company_id": company_id,
            "lifecycle_stage": "lead",
            "lead_status": "NEW",
            "mql_at": None,
            "sql_at": None,
            "opportunity_at": None,
            "customer_at": None,
            **_draw_source(day, throw, plans, owner),
            "merged_object_ids": None,
            "is_deleted": False,
            "deleted_at": None,
        },
    )
    is_spam = twin is None and throw.random() < 0.045
    lead = Lead(
        contact,
        born_at,
        owner,
        company_id,
        company_name,
        foreign,
        is_spam,
        email,
        mql_at=None,
        sql_at=None,
        duplicate_of=twin,
    )
    if is_spam:
        _archive_spam(lead, throw)
    else:
        _qualify(lead, throw)
    if owner is LEAVER and born_at < HANDOVER_AT:
        contact.change(HANDOVER_AT, {"owner_id": HEIR.owner_id})
    return lead


def _pick_twin(earlier: list[Lead], born_at: datetime, throw: Random) -> Lead | None:
    """Return an earlier person who enters a second time: no spam, no twin already."""
    recent = earlier[-250:]
    if not recent:
        return None
    lead = throw.choice(recent)
    usable = not lead.is_spam and lead.duplicate_of is None and lead.born_at < born_at
    taken = any(other.duplicate_of is lead for other in recent)
    return lead if usable and not taken else None


def _draw_source(
    day: date, throw: Random, plans: dict[str, tuple[Plan, ...]], owner: Person
) -> dict[str, object]:
    """Return source, click id and UTM fields; paid leads point to a campaign that runs."""
    names, weights = zip(*_SOURCES, strict=True)
    source = throw.choices(names, weights)[0]
    fields: dict[str, object] = {
        "source": source,
        "source_detail_1": None,
        "source_detail_2": None,
        "google_click_id": None,
        "facebook_click_id": None,
        "utm_source": None,
        "utm_medium": None,
        "utm_campaign": None,
        "created_by_id": None,
    }
    if source == "OFFLINE":
        # Lists are imported on the first of a month; on other days people type contacts in.
        fields["source_detail_1"] = "IMPORT" if day.day == 1 else "CRM_UI"
        fields["created_by_id"] = owner.crm_user_id
    elif source in {"PAID_SEARCH", "PAID_SOCIAL"}:
        platform = "google" if source == "PAID_SEARCH" else "meta"
        running = [plan for plan in plans[platform] if plan.runs_on(day)]
        plan = throw.choices(running, [plan.budget for plan in running])[0]
        click = f"{platform[0]}c.{throw.getrandbits(64):016x}"
        if throw.random() < 0.85:
            field = "google_click_id" if platform == "google" else "facebook_click_id"
            fields[field] = click
        fields["utm_source"] = "google" if platform == "google" else "facebook"
        fields["utm_medium"] = "cpc" if platform == "google" else "paid_social"
        if plan.tagged and throw.random() < 0.92:
            fields["utm_campaign"] = plan.campaign_id
        fields["source_detail_1"] = plan.name
    elif source == "OTHER_CAMPAIGNS":
        fields["utm_source"], fields["utm_medium"] = "newsletter", "email"
        fields["utm_campaign"] = "khuyen-mai-cu"  # a tag no ad campaign answers to
    elif source == "REFERRALS":
        fields["source_detail_1"] = "doitac.example"
    return fields


def _archive_spam(lead: Lead, throw: Random) -> None:
    """Put the contact into the recycle bin, in office hours."""
    day = local_day(lead.born_at) + timedelta(days=throw.randint(1, 45))
    at = office_instant(day, throw)
    lead.contact.change(
        at, {"is_deleted": True, "deleted_at": at}, by=lead.owner.crm_user_id
    )


def _qualify(lead: Lead, throw: Random) -> None:
    """Walk the contact to MQL and SQL, or not; some fall back later."""
    born = local_day(lead.born_at)
    if throw.random() < 0.56:
        lead.mql_at = max(
            any_instant(born + timedelta(days=throw.randint(0, 9)), throw),
            lead.born_at + timedelta(seconds=throw.randint(20, 5000)),
        )
        lead.contact.change(
            lead.mql_at,
            {"lifecycle_stage": "marketingqualifiedlead", "mql_at": lead.mql_at},
        )
    chance = throw.random()
    after = lead.mql_at or lead.born_at
    if chance < (0.62 if lead.mql_at else 0.12):
        day = local_day(after) + timedelta(days=throw.randint(0, 14))
        lead.sql_at = max(
            any_instant(day, throw), after + timedelta(seconds=throw.randint(60, 9000))
        )
        lead.contact.change(
            lead.sql_at,
            {
                "lifecycle_stage": "salesqualifiedlead",
                "lead_status": "IN_PROGRESS",
                "sql_at": lead.sql_at,
            },
            by=lead.owner.crm_user_id,
        )
    if lead.mql_at and throw.random() < 0.05:
        back = office_instant(
            local_day(lead.sql_at or lead.mql_at) + timedelta(days=40), throw
        )
        lead.contact.change(
            back, {"lifecycle_stage": "lead", "lead_status": "UNQUALIFIED"}
        )
        lead.fell_back_at = back


def _return(lead: Lead, throw: Random) -> None:
    """Let most of who fell back meet the marketing qualification again."""
    if lead.fell_back_at and throw.random() < 0.7:
        day = local_day(lead.fell_back_at) + timedelta(days=throw.randint(5, 60))
        lead.contact.change(
            any_instant(day, throw), {"lifecycle_stage": "marketingqualifiedlead"}
        )


def _write_company(
    company_id: str,
    name: str,
    owner: Person,
    born_at: datetime,
    throw: Random,
    *,
    foreign: bool,
) -> Draft:
    """Return a company born with its first contact."""
    draft = Draft(company_id)
    staff = throw.choice((5, 12, 30, 45, 80, 150, 260, 600))
    segment = "smb" if staff < 50 else "mid" if staff < 250 else "enterprise"
    draft.change(
        born_at,
        {
            "company_id": company_id,
            "company_name": name,
            "domain": f"{to_ascii(name)[:24]}{throw.randrange(1000)}.example",
            "industry": throw.choice(_INDUSTRIES),
            "segment": segment if throw.random() < 0.95 else None,
            "country": "Singapore" if foreign else "Vietnam",
            "employee_count": staff if throw.random() < 0.85 else None,
            "annual_revenue": None,
            "annual_revenue_currency": "VND",
            "owner_id": owner.owner_id,
            "parent_company_id": None,
            "created_at": born_at,
            "merged_object_ids": None,
            "is_deleted": False,
            "deleted_at": None,
        },
    )
    if throw.random() < 0.2:
        at = office_instant(
            local_day(born_at) + timedelta(days=throw.randint(5, 60)), throw
        )
        draft.change(at, {"employee_count": staff + throw.randint(1, 9)})
    if owner is LEAVER and born_at < HANDOVER_AT:
        draft.change(HANDOVER_AT, {"owner_id": HEIR.owner_id})
    return draft
