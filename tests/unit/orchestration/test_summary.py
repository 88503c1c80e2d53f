"""The closing summary of a night: what is red stays readable however much of it there is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from orchestration.cli.summary import describe_night
from orchestration.night import NightReport

if TYPE_CHECKING:
    from orchestration.settings import Settings


def test_of_many_totals_that_are_off_the_first_are_shown_and_all_are_counted() -> None:
    """41 of them, as books of two systems that share no id give; a red test stays in sight."""
    report = NightReport("2026-10-31", "b", "2026-10-31T20:00:00+00:00")
    report.control_breaks = [f"billing control: invoice {n}" for n in range(41)]
    report.dbt_failures = ["unique_fct_deals"]
    nights = Path("state/nights")
    settings = cast("Settings", SimpleNamespace(home=SimpleNamespace(nights=nights)))
    told = [
        line for line in describe_night(report, settings).splitlines() if "!" in line
    ]
    assert len(told) == 14
    assert told[0] == "  ! dbt: unique_fct_deals"
    assert told[12] == "  ! control total: billing control: invoice 11"
    assert told[13] == (
        f"  ! 29 more control totals are off, all of them in {nights / '2026-10-31.json'}"
    )
