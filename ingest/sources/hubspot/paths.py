"""Where HubSpot keeps things, by API version.

Belongs here: paths. Stays out: parameters and answers.

Until 2025 the version was a part of the path after the area (`/crm/v3/objects/deals`); dated
versions stand at the end of the area (`/crm/objects/2026-03/deals`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """Paths of one API version: `v3` or a dated one such as `2026-03`."""

    version: str

    def objects(self, object_type: str) -> str:
        """Return the list of an object."""
        return f"{self._area('objects', 'v3')}/{object_type}"

    def search(self, object_type: str) -> str:
        """Return the search of an object."""
        return f"{self.objects(object_type)}/search"

    def batch_read(self, object_type: str) -> str:
        """Return the read of many records by id."""
        return f"{self.objects(object_type)}/batch/read"

    def associations(self, from_type: str, to_type: str) -> str:
        """Return the read of many records' links to another object."""
        return f"{self._area('associations', 'v4')}/{from_type}/{to_type}/batch/read"

    def owners(self) -> str:
        """Return the list of owners."""
        return self._area("owners", "v3")

    def pipelines(self, object_type: str) -> str:
        """Return the pipelines of an object."""
        return f"{self._area('pipelines', 'v3')}/{object_type}"

    def dispositions(self) -> str:
        """Return the outcome labels of calls; this one was never versioned anew."""
        return "/calling/v1/dispositions"

    def _area(self, area: str, undated: str) -> str:
        if self.version.startswith("v"):
            return f"/crm/{undated}/{area}"
        return f"/crm/{area}/{self.version}"
