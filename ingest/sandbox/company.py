"""The sandbox company as a whole: every part of the story told up to one instant.

Belongs here: putting the parts together. Stays out: the parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.sandbox.ads import build_google, build_meta
from ingest.sandbox.billing import build_stripe
from ingest.sandbox.calls import DISPOSITIONS, tell_calls
from ingest.sandbox.crm import tell_leads
from ingest.sandbox.deal_steps import write_stages
from ingest.sandbox.deals import tell_deals
from ingest.sandbox.meetings import tell_meetings
from ingest.sandbox.messages import tell_emails
from ingest.sandbox.model import Company, HubSpotPortal, Versioned
from ingest.sandbox.mutations import merge_contacts
from ingest.sandbox.people import write_owners

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.sandbox.story import Draft

PORTAL_ID = "44120077"


def build_company(*, seed: int = 7, scale: int = 1, until: datetime) -> Company:
    """Return the company with everything that happened up to `until` (aware UTC).

    The state at any instant up to `until` is the same for every later `until`.
    """
    leads, companies = tell_leads(seed, scale, until)
    deals, wins = tell_deals(seed, leads)
    merges = merge_contacts(seed, leads, deals)
    calls = tell_calls(seed, scale, leads, merges, until)
    portal = HubSpotPortal(
        portal_id=PORTAL_ID,
        owners=write_owners(),
        companies=_finish(companies),
        contacts=_finish([lead.contact for lead in leads]),
        deals=_finish(deals),
        calls=_finish(calls),
        call_dispositions=DISPOSITIONS,
        deal_stages=write_stages(),
        emails=_finish(tell_emails(seed, scale, leads, merges, until)),
        meetings=_finish(tell_meetings(seed, scale, leads, merges, until)),
    )
    return Company(
        seed=seed,
        scale=scale,
        until=until,
        hubspot=portal,
        stripe=build_stripe(seed, leads, wins, until),
        google=build_google(seed, scale, until),
        meta=build_meta(seed, scale, until),
    )


def _finish(drafts: list[Draft]) -> tuple[Versioned, ...]:
    """Return the HubSpot records, each version stamped with its instant."""
    return tuple(draft.finish(stamp="updated_at") for draft in drafts)
