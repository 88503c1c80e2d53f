"""Closed figures that other models or policies would move: refused until somebody approves.

Belongs here: finding them before a night publishes, and keeping what waits for approval. Stays
out: late rows, which move a closed month's own figures by right (`rpt_restatements`), and the
gate that holds the theme back.

What moved by code alone is found exactly: the same day's figures as readers see, from the same
rows, built once more by tonight's models and policies beside the build. That costs a build, so
it is done only where models or policies are other ones than the theme was last published with,
and a closed figure moved at all.
"""

# ruff: noqa: S608 - names of this module's own text, values are parameters

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.storage import disk_errors, write_file
from orchestration.diff import MODEL, PARTS, Move, VersionChange, own_causes, share_of
from orchestration.periods import AREAS
from orchestration.periods.chain import APPROVE, read_chain
from orchestration.periods.served import read_quality
from orchestration.publish import current_build, read_manifest
from orchestration.publish.copying import attach
from orchestration.rehearsal import BUILT_FROM, THEMES, built_from, rehearsed_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestration.diff import Side
    from orchestration.settings import Settings

_WAITING: Final = "changes_to_approve"
_SHOWN: Final = 3


@dataclass(frozen=True)
class ChangeToApprove:
    """A change of models or policies that moves closed figures of an area.

    Each of `moves` names a figure with its value, its parts and its version before and after.
    A quotient may keep its value while both of its parts moved: such a figure is signed with
    its parts, so it waits too, and is told apart.
    """

    change_id: str
    area: str
    models: str
    moves: tuple[Mapping[str, Any], ...]

    def describe(self) -> str:
        """Return the refusal in one sentence, with the command that lifts it."""
        kept = [move for move in self.moves if _keeps_value(move)]
        moved = [move for move in self.moves if not _keeps_value(move)]
        if not moved:
            what = f"the parts, not the value, of {_name_figures(kept)}"
        else:
            what = _name_figures(moved)
            if kept:
                what += f", and {len(kept)} more kept their value but not their parts"
        return (
            f"models or policies changed and would move {what}; "
            f"look: warehouse diff {self.change_id}; if it is right: "
            f"warehouse approve {self.change_id} --by NAME --reason TEXT"
        )


def _name_figures(moves: Sequence[Mapping[str, Any]]) -> str:
    kpis = sorted({move["kpi_key"] for move in moves})
    more = f" and {len(kpis) - _SHOWN} more" if len(kpis) > _SHOWN else ""
    what = "figure" if len(moves) == 1 else "figures"
    return f"{len(moves)} closed {what} of {', '.join(kpis[:_SHOWN])}{more}"


def theme_origins(settings: Settings, held: frozenset[str]) -> dict[str, Any]:
    """Return of what each theme of a build is made; a held theme's is carried over."""
    now = _origin(built_from(settings))
    before = _published_from(settings)
    return {
        area: _theme_origin(before, area) if area in held else now for area in AREAS
    }


def find_changes_to_approve(
    settings: Settings,
    *,
    say: Callable[[str], None],
    rehearse: Callable[..., AbstractContextManager[Side]] = rehearsed_side,
) -> list[ChangeToApprove]:
    """Return the changes of models or policies that move closed figures and nobody approved.

    Call it when the night's build file is built and not yet published.

    Raises:
        RehearsalError: tonight's models do not build the published day.
        StorageError: the disk refused.
    """
    published = current_build(settings.home.published)
    areas = closed_areas(settings.home.warehouse)
    if published is None or not areas:
        return []
    now = _origin(built_from(settings))
    before = _published_from(settings)
    approved = {e.subject for e in read_chain(settings.home.root) if e.kind == APPROVE}
    found: list[ChangeToApprove] = []
    themes = read_manifest(published).themes
    for area in areas:
        state = themes.get(area)
        change_id = change_id_of(area, now)
        if state is None or state.as_of_date is None or change_id in approved:
            continue
        if _theme_origin(before, area) == now:
            continue
        served = published / "bi.duckdb"
        closed = settings.home.warehouse
        if not moved_figures(served, closed, closed=closed, area=area):
            continue
        say(f"closed figures of {area} moved: building {state.as_of_date} once more")
        with rehearse(settings, as_of=date.fromisoformat(state.as_of_date)) as side:
            moves = moved_figures(served, side.path, closed=closed, area=area)
        if moves:
            change = ChangeToApprove(change_id, area, str(now["models"]), tuple(moves))
            keep_waiting(settings.home.root, change)
            found.append(change)
    return found


def closed_areas(warehouse: Path) -> list[str]:
    """Return the areas with closes, as the build file knows them."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        known = con.execute(
            "select 1 from duckdb_tables() where table_name = 'dim_closes'"
        ).fetchall()
        if not known:
            return []
        rows = con.execute("select distinct area from dim_closes order by 1").fetchall()
    return [area for (area,) in rows]


def moved_figures(
    before: Path, after: Path, *, closed: Path, area: str
) -> list[dict[str, Any]]:
    """Return the frozen figures of an area that two database files compute differently.

    `closed` is the build file, which knows what is frozen. Values are those of basis current.
    """
    with duckdb.connect() as con:
        attach(con, before, "before")
        attach(con, after, "after")
        database = "after"
        if closed != after:
            attach(con, closed, "closed")
            database = "closed"
        cursor = con.execute(_MOVED.format(closed=database), {"area": area})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_KEY: Final = (
    "kpi_key", "variant", "grain", "period_start_date", "breakdown", "member_id",
    "currency",
)  # fmt: skip

_MOVED: Final = f"""
    with frozen as (
        select distinct kpi_key, grain, period_start_date
        from {{closed}}.main.fct_closed_figures where area = $area
    ),
    old as (
        select f.*, coalesce(f.currency, '') as currency_key
        from before.main.rpt_kpi_values f
        semi join frozen using (kpi_key, grain, period_start_date)
        where f.basis = 'current'
    ),
    new as (
        select f.*, coalesce(f.currency, '') as currency_key
        from after.main.rpt_kpi_values f
        semi join frozen using (kpi_key, grain, period_start_date)
        where f.basis = 'current'
    )
    select
        {", ".join(f"coalesce(n.{name}, o.{name}) as {name}" for name in _KEY)},
        o.kpi_version as old_version, n.kpi_version as new_version,
        o.value as old_value, n.value as new_value,
        o.numerator as old_numerator, n.numerator as new_numerator,
        o.denominator as old_denominator, n.denominator as new_denominator
    from old o full outer join new n on
        {" and ".join(f"o.{n} = n.{n}" for n in (*_KEY[:-1], "currency_key"))}
    where (o.value, o.numerator, o.denominator)
        is distinct from (n.value, n.numerator, n.denominator)
    order by all
"""


def change_id_of(area: str, origin: Mapping[str, Any]) -> str:
    """Return the id of a change: the same every night until models or policies differ again."""
    said = json.dumps([area, origin], sort_keys=True, default=str)
    return f"change-{area}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def keep_waiting(root: Path, change: ChangeToApprove) -> None:
    """Keep what waits for approval, so that it can be looked at and approved."""
    content = {
        "change_id": change.change_id,
        "area": change.area,
        "models": change.models,
        "moves": change.moves,
    }
    with disk_errors("keep the change to approve"):
        write_file(
            root / "state" / _WAITING / f"{change.change_id}.json",
            json.dumps(content, indent=1, default=str, ensure_ascii=False).encode(),
        )


def waiting_changes(root: Path) -> dict[str, Path]:
    """Return the files of changes nobody has approved yet, by id."""
    folder = root / "state" / _WAITING
    approved = {e.subject for e in read_chain(root) if e.kind == APPROVE}
    return {
        path.stem: path
        for path in sorted(folder.glob("*.json"))
        if path.stem not in approved
    }


def read_moves(path: Path) -> list[Move]:
    """Return the closed figures a waiting change moves, before and after.

    Values are those of the month's own rows as readers see them and as the change makes them of
    the same rows.
    """
    return [_move(told) for told in json.loads(path.read_text("utf-8"))["moves"]]


def _move(told: Mapping[str, Any]) -> Move:
    old, new = (
        None if told[name] is None else Decimal(told[name])
        for name in ("old_value", "new_value")
    )
    versions = VersionChange(told["kpi_key"], told["old_version"], told["new_version"])
    return Move(
        state=_state_of(told, old, new),
        **{name: told[name] for name in _KEY if name != "period_start_date"},
        period_start_date=date.fromisoformat(told["period_start_date"]),
        old=old,
        new=new,
        delta=None if old is None or new is None else new - old,
        share=share_of(old, new),
        causes=own_causes(versions) or (MODEL,),
    )


def _keeps_value(told: Mapping[str, Any]) -> bool:
    """Return whether a figure is there before and after with the same value."""
    return (
        told["old_version"] is not None
        and told["new_version"] is not None
        and told["old_value"] == told["new_value"]
    )


def _state_of(told: Mapping[str, Any], old: Decimal | None, new: Decimal | None) -> str:
    if _keeps_value(told):
        return PARTS
    return "added" if old is None else "removed" if new is None else "moved"


def _origin(made_of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "models": made_of.get("models", ""),
        "policies": made_of.get("policies", {}),
    }


def _published_from(settings: Settings) -> Mapping[str, Any]:
    folder = current_build(settings.home.published)
    return read_quality(folder).get(BUILT_FROM, {}) if folder else {}


def _theme_origin(made_of: Mapping[str, Any], area: str) -> dict[str, Any]:
    """Return of what a theme was last published; of a build before it said so, the build's."""
    return made_of.get(THEMES, {}).get(area) or _origin(made_of)
