"""Which published figures differ between two builds, by how much, and why.

Belongs here: comparing `rpt_kpi_values` of two database files in one query, and naming the
cause. Stays out: where the files come from (`orchestration.rehearsal`), the verb
(`cli.upkeep`). Knows neither runs nor dbt.
"""

# ruff: noqa: S608 - names go through quote(), values are parameters

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.errors import ConfigError
from orchestration.publish.copying import attach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

FIGURES: Final = "rpt_kpi_values"
ALL: Final = "all"

DEFINITION: Final = "definition"
POLICY: Final = "policy"
PARTS: Final = "parts"
"""State of a figure that kept its value while numerator and denominator moved."""
MODEL: Final = "model"
DATA: Final = "data"
UNKNOWN: Final = "unknown"

_KEY: Final = (
    "kpi_key",
    "variant",
    "grain",
    "period_start_date",
    "breakdown",
    "member_id",
    "currency",
)
_SHARE_STEP: Final = Decimal("0.000001")


@dataclass(frozen=True)
class BuiltFrom:
    """What a build was made of, as far as it is known: '' and None = not written down.

    `models` is a fingerprint of the dbt project, `ledger_lines` how much had been promoted.
    """

    as_of: str
    models: str = ""
    ledger_lines: int | None = None
    policies: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One of the two: a database file with the figures, and what it was made of."""

    label: str
    path: Path
    built_from: BuiltFrom


@dataclass(frozen=True)
class Move:
    """One figure that is not what it was; `old` or `new` None = unknown there.

    `state`: moved, added (only in the new build), removed, or `PARTS`. `share` is delta per old
    value.
    """

    state: str
    kpi_key: str
    variant: str
    grain: str
    period_start_date: date
    breakdown: str
    member_id: str
    currency: str | None
    old: Decimal | None
    new: Decimal | None
    delta: Decimal | None
    share: Decimal | None
    causes: tuple[str, ...]


@dataclass(frozen=True)
class VersionChange:
    """One KPI whose definition number or policy hash differs; None = no such KPI there."""

    kpi_key: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Difference:
    """Everything that differs between two builds, and how much does not."""

    before: Side
    after: Side
    moves: tuple[Move, ...]
    unchanged: int
    flags_changed: int
    versions: tuple[VersionChange, ...]
    policies: Mapping[str, tuple[Any, Any]]

    def count(self, state: str) -> int:
        """Return how many figures moved, were added or removed."""
        return sum(move.state == state for move in self.moves)


def compare(
    before: Side,
    after: Side,
    *,
    grain: str = "month",
    breakdown: str = "total",
    kpi: str = "",
) -> Difference:
    """Compare the figures of two builds: value, numerator and denominator, per key.

    Raises:
        ConfigError: neither build has figures of that KPI, grain and breakdown.
    """
    with duckdb.connect() as con:
        for name, side in (("before", before), ("after", after)):
            attach(con, side.path, name)
        versions = _versions(con)
        words = {"grain": grain, "breakdown": breakdown, "kpi": kpi or ALL}
        rows = con.execute(_COMPARED, words).fetchall()
    if not rows:
        message = f"no figures of {kpi or 'any KPI'} by {grain} and {breakdown} in either build"
        raise ConfigError(message)
    changed = tuple(
        VersionChange(key, old, new)
        for key, (old, new) in versions.items()
        if old != new
    )
    causes = _Causes(before.built_from, after.built_from, changed)
    moves = tuple(_move(row, causes) for row in rows if row[0] in _CHANGED)
    return Difference(
        before=before,
        after=after,
        moves=moves,
        unchanged=sum(row[-1] for row in rows if row[0] not in _CHANGED),
        flags_changed=sum(row[-1] for row in rows if row[0] == "flagged"),
        versions=changed,
        policies=_changed_policies(before.built_from, after.built_from),
    )


_CHANGED: Final = frozenset({"moved", "added", "removed"})

_WANTED: Final = """
    select *, coalesce(currency, '') as currency_key
    from {side}.main.rpt_kpi_values
    where basis = 'current'
        and ($kpi = 'all' or kpi_key = $kpi)
        and ($grain = 'all' or grain = $grain)
        and ($breakdown = 'all' or breakdown = $breakdown)
"""

_ON: Final = " and ".join(
    f"o.{name} = n.{name}" for name in (*_KEY[:-1], "currency_key")
)

_COMPARED: Final = f"""
    with old as ({_WANTED.format(side="before")}),
    new as ({_WANTED.format(side="after")}),
    paired as (
        select
            case
                when o.kpi_key is null then 'added'
                when n.kpi_key is null then 'removed'
                when (o.value, o.numerator, o.denominator)
                    is distinct from (n.value, n.numerator, n.denominator) then 'moved'
                when o.flag is distinct from n.flag then 'flagged'
                else 'same'
            end as state,
            {", ".join(f"coalesce(n.{name}, o.{name}) as {name}" for name in _KEY)},
            o.value as old_value,
            n.value as new_value
        from old as o full outer join new as n on {_ON}
    )
    select *, 1 as figures from paired where state in ('moved', 'added', 'removed')
    union all by name
    select state, count(*) as figures from paired
    where state in ('flagged', 'same') group by 1
    order by kpi_key, variant, currency, grain, period_start_date, breakdown, member_id
"""
"""One row per figure that differs; those that do not are only counted."""


def _versions(
    con: duckdb.DuckDBPyConnection,
) -> dict[str, tuple[str | None, str | None]]:
    """Return the version of every KPI in both builds."""
    rows = con.execute(
        "select kpi_key, any_value(o.kpi_version), any_value(n.kpi_version)"
        " from (select distinct kpi_key, kpi_version from before.main.rpt_kpi_values) o"
        " full outer join"
        " (select distinct kpi_key, kpi_version from after.main.rpt_kpi_values) n"
        " using (kpi_key) group by 1 order by 1"
    ).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


class _Causes:
    """Why figures of a KPI can differ: its own version first, then what the builds are of."""

    def __init__(
        self, old: BuiltFrom, new: BuiltFrom, versions: Sequence[VersionChange]
    ) -> None:
        self._own = {change.kpi_key: own_causes(change) for change in versions}
        self._data = _differ(
            (old.as_of, old.ledger_lines), (new.as_of, new.ledger_lines)
        )
        self._models = _differ((old.models,), (new.models,))
        every = {cause for causes in self._own.values() for cause in causes}
        # A KPI made of others moves with them under its own unchanged version.
        self._inherited = tuple(c for c in (DEFINITION, POLICY) if c in every)

    def of(self, kpi_key: str) -> tuple[str, ...]:
        """Return every cause the figures of a KPI can have moved for."""
        data = (DATA,) if self._data else ()
        own = self._own.get(kpi_key, ())
        if own:
            return (*own, *data)
        models = (MODEL,) if self._models else ()
        return (*models, *data) or self._inherited or (UNKNOWN,)


def own_causes(change: VersionChange) -> tuple[str, ...]:
    """Return what of `<n>+<policy hash>` differs."""
    if change.old is None or change.new is None:
        return (DEFINITION,)
    (old_number, _, old_hash), (new_number, _, new_hash) = (
        change.old.partition("+"),
        change.new.partition("+"),
    )
    causes = (DEFINITION,) if old_number != new_number else ()
    return (*causes, POLICY) if old_hash != new_hash else causes


def _differ(old: tuple[object, ...], new: tuple[object, ...]) -> bool:
    """Return whether two things differ, or may: what was not written down may."""
    return old != new or any(part in ("", None) for part in (*old, *new))


def _changed_policies(
    old: BuiltFrom, new: BuiltFrom
) -> dict[str, tuple[object, object]]:
    if not (old.policies and new.policies):
        return {}
    names = sorted({*old.policies, *new.policies})
    both = {name: (old.policies.get(name), new.policies.get(name)) for name in names}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def _move(row: tuple[Any, ...], causes: _Causes) -> Move:
    state, *key, old, new, _count = row
    delta = None if old is None or new is None else new - old
    named = dict(zip(_KEY, key, strict=True))
    return Move(
        state=state,
        **named,
        old=old,
        new=new,
        delta=delta,
        share=share_of(old, new),
        causes=causes.of(named["kpi_key"]),
    )


def share_of(old: Decimal | None, new: Decimal | None) -> Decimal | None:
    """Return how much a value moved per old value; None = unknown, or from nothing."""
    if new is None or not old:
        return None
    return ((new - old) / abs(old)).quantize(_SHARE_STEP)
