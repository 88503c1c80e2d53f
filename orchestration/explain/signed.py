"""A signed figure and the records it was signed of, and what has changed of them since.

Belongs here: reading the records a close kept (`fct_kpi_records` of its month), the adjustments
booked in it, comparing record by record with what the build file says now. Stays out: which rows
make a figure (`figures`), what is frozen (`orchestration.periods.freezing`).

A close keeps the records of its month as the build file of that day had them (D-611); closes made
before it did kept finance's alone.
"""

# ruff: noqa: S608 - paths go through text(), values are parameters

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ConfigError
from orchestration.explain.figures import (
    NUMERATOR,
    Explanation,
    Question,
    explain_figure,
)
from orchestration.explain.records import Explainer, NotExplainedError, Part
from orchestration.periods.chain import close_dir, closed_now, verify_closes
from orchestration.periods.freezing import (
    FIGURES_FILE,
    RECORDS,
    TABLES_FOLDER,
    WINDOW_END,
    read_record,
)
from orchestration.publish.copying import text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestration.periods.chain import Entry
    from orchestration.settings import Home

AS_CLOSED: Final = "as_closed"
CURRENT: Final = "current"
ADJUSTMENT: Final = "adjustment"
_KEY: Final = (
    "kpi_key", "variant", "grain", "period_start_date", "breakdown", "member_id", "currency",
)  # fmt: skip


class SignedRecords(Explainer):
    """The records closes kept, asked as those of the build file are."""

    def __init__(self, now: Explainer, closes: Mapping[str, Path], period: str) -> None:
        """Take the open build file over; `closes` are the folders of closes by month."""
        files = ", ".join(
            text(str(folder / TABLES_FOLDER / f"{RECORDS}.parquet"))
            for folder in closes.values()
        )
        kept = f"select * from read_parquet([{files}], union_by_name = true)"
        super().__init__(now.con, {RECORDS: kept}, now.project)
        self._figures = closes[period] / FIGURES_FILE

    def _models(self, kpi_key: str) -> list[str]:
        """Every KPI's records are in the one table; of some it has none."""
        rows = self.con.execute(
            f"select 1 from ({self._statements[RECORDS]}) where kpi_key = ? limit 1",
            [kpi_key],
        ).fetchall()
        return list(self._statements) if rows else []

    def adjustments(self, figure: dict[str, Any]) -> list[Part]:
        """Return what the close booked in its month of closed months before (D-425)."""
        condition = " and ".join(f"{name} is not distinct from ?" for name in _KEY)
        rows = self.con.execute(
            "select max(value) filter (where basis = 'as_closed')"
            " - max(value) filter (where basis = 'current')"
            f" from read_parquet({text(str(self._figures))}) where {condition}",
            [figure[name] for name in _KEY],
        ).fetchall()
        amount = rows[0][0] if rows else None
        if not amount:
            return []
        return [
            Part(
                kpi_key=figure["kpi_key"], record_type=ADJUSTMENT,
                record_id="months closed before", first_date=figure["period_start_date"],
                last_date=figure["period_end_date"], original_amount=None,
                original_currency=None, numerator=amount, denominator=None,
            )
        ]  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One record that adds something else now than when the figure was signed.

    None on a side = the record was not, or is no more, part of the figure, or is unknown.
    """

    record_type: str
    record_id: str | None
    side: str
    signed: Decimal | None
    now: Decimal | None

    @property
    def delta(self) -> Decimal:
        """What it moved the side by."""
        return (self.now or Decimal(0)) - (self.signed or Decimal(0))


@dataclass(frozen=True)
class Signed:
    """A signed figure with its records, and the records that have changed since."""

    explanation: Explanation
    close: Entry
    changes: tuple[Change, ...]
    """Largest first; they add up to what the month's own rows give now less then."""
    now: Explanation


def explain_signed(
    home: Home, explainer: Explainer, asked: Question, area: str
) -> Signed:
    """Return the records a signed figure of a closed month was made of.

    Raises:
        ChainBrokenError: what closes kept is not as it was written.
        ConfigError: the month is not closed, or the words name no figure.
        NotExplainedError: the close kept no records of it, or they do not add up.
    """
    standing = closed_now(verify_closes(home.root), area)
    close = standing.get(asked.period)
    if close is None:
        known = ", ".join(standing) or "none"
        message = (
            f"{area} {asked.period} is not closed; closed months: {known}. "
            "Explain a quarter or year by its months"
        )
        raise ConfigError(message)
    if explainer.registry(asked.kpi_key).get("freezes_at") == WINDOW_END:
        message = (
            f"{asked.kpi_key} is signed when the window of its cases has ended, not with its "
            "month; leave --basis out to explain it as it stands"
        )
        raise NotExplainedError(message)
    folders = {
        period: folder
        for period, entry in standing.items()
        if (folder := close_dir(home.root, entry)).is_dir()
        and read_record(folder)["tables"].get(RECORDS, {}).get("rows")
    }
    if asked.period not in folders:
        message = (
            f"the close of {area} {asked.period} ({close.subject}) kept figures and no records "
            "of them: the build file was not that of the build it signed, or the close was made "
            "by an earlier version. The signed figure stands in closes/; rpt_restatements names "
            f"the rows changed since; warehouse explain {asked.kpi_key} --period {asked.period} "
            "without --basis lists the records as they are now"
        )
        raise NotExplainedError(message)
    kept = SignedRecords(explainer, folders, asked.period)
    signed = explain_figure(home, kept, replace(asked, basis=AS_CLOSED))
    now = explain_figure(home, explainer, replace(asked, basis=CURRENT))
    return Signed(signed, close, tuple(changes_since(signed, now)), now)


def changes_since(signed: Explanation, now: Explanation) -> list[Change]:
    """Return what each record adds to each side now and then, where the two differ."""
    then, since = _by_record(signed), _by_record(now)
    found = [
        Change(kind, record, side, then.get(key), since.get(key))
        for key in {**then, **since}
        for side, kind, record in [key]
        if (key in then) != (key in since) or then.get(key) != since.get(key)
    ]
    return sorted(
        found,
        key=lambda one: (one.side != NUMERATOR, -abs(one.delta), str(one.record_id)),
    )


def _by_record(
    explanation: Explanation,
) -> dict[tuple[str, str, str | None], Decimal | None]:
    found: dict[tuple[str, str, str | None], Decimal | None] = {}
    for side in explanation.sides:
        for part in side.parts:
            if part.record_type == ADJUSTMENT:
                continue
            key = (side.name, part.record_type, part.record_id)
            amount = getattr(part, side.name)
            known = found.get(key, Decimal(0))
            found[key] = None if amount is None or known is None else known + amount
    return found
