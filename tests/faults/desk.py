"""A warehouse as far as promotion: nights of extraction, gate and promotion, without a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestration.acknowledgements import (
    Acknowledgement,
    acknowledge,
    read_acknowledged,
)
from orchestration.ingestion import land_source, promote_source
from orchestration.night_run import NightRun, night_instant

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from orchestration.settings import Settings


@dataclass
class Desk:
    """Nights of the sources of one configuration, landed, judged and promoted."""

    settings: Settings

    @property
    def root(self) -> Path:
        return self.settings.home.root

    def night(self, as_of: date, *, only: frozenset[str] = frozenset()) -> NightRun:
        """Land, judge and promote a night."""
        now = night_instant(as_of, self.settings.config.company.timezone)
        run = NightRun(
            self.settings, as_of, now=now, build_id="b", clock=lambda: now,
            acknowledged=read_acknowledged(self.root),
        )  # fmt: skip
        for source in self.settings.config.sources:
            if not only or source.name in only:
                list(land_source(run, source))
                list(promote_source(run, source))
        return run

    def accept(self, finding: str, reason: str = "looked at it") -> None:
        acknowledge(self.root, Acknowledgement(finding, reason, "lan", "now"))
