"""What HubSpot is asked before the first night.

Belongs here: scopes of a private app by what needs them, and the number of records, which
the search tells without sending them. Stays out: reading records (`search`).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, cast

from ingest.sources.hubspot import API_VERSION
from ingest.sources.hubspot.history import BATCH_SIZE
from ingest.sources.hubspot.objects import CRM_OBJECTS, DEALS, CrmObject
from ingest.sources.hubspot.paths import Paths
from ingest.sources.hubspot.search import SEARCH_SIZE
from ingest.sources.probing import NOTHING, Check, Size
from ingest.sources.wire import required

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ingest.config import SourceConfig
    from ingest.config_sources import HubSpotSource
    from ingest.http import ApiClient

_SCOPES = {
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    # Calls and meetings are shown to whoever may see the contacts they belong to.
    "calls": "crm.objects.contacts.read",
    "emails": "sales-email-read",
    "meetings": "crm.objects.contacts.read",
}


class HubSpotProbe:
    """The probe of a HubSpot portal."""

    samples = ("contacts", "deals")
    seconds_per_request = 0.2
    """Search allows five requests a second for the whole portal (read 2026-11)."""

    def checks(
        self, config: SourceConfig, client: ApiClient, now: datetime
    ) -> Iterator[Check]:
        """Yield one check per object and list."""
        del now
        version = cast("HubSpotSource", config).api_version or API_VERSION
        paths = Paths(version)
        for crm in CRM_OBJECTS.values():
            yield Check(
                crm.entity,
                _SCOPES[crm.entity],
                lambda crm=crm: _count(client, paths, crm),
            )
        for what, scope, path in (
            ("owners", "crm.objects.owners.read", paths.owners()),
            ("deal stages", "crm.schemas.deals.read", paths.pipelines("deals")),
            ("call outcomes", "crm.objects.contacts.read", paths.dispositions()),
            ("home currency", "account-info", "/account-info/v3/details"),
        ):
            yield Check(what, scope, lambda path=path: _reach(client, path))


PROBE = HubSpotProbe()


def _count(client: ApiClient, paths: Paths, crm: CrmObject) -> Size:
    """Return how many live records there are, and the requests that read them."""
    path = paths.search(crm.object_type)
    total = int(required(client.post(path, json={"limit": 1}), "total", path))
    pages = ceil(total / SEARCH_SIZE) or 1
    requests = pages * (1 + len(crm.links))
    if crm is DEALS:
        requests += pages + ceil(total / BATCH_SIZE)
    return Size(total, requests)


def _reach(client: ApiClient, path: str) -> Size:
    client.get(path)
    return NOTHING
