"""Values of dropped files that match no member of a dimension, with the nearest members.

Belongs here: finding them in landed batches, their rows and money, and what they probably
mean. Stays out: which columns name members (`ingest.contracts.references`), mapping them
(`values` in the configuration). Nothing is dropped on account of it: such money stands in
every total and under a member of its own, which only nobody knows by name.
"""

# ruff: noqa: S608 - names of contracts and of our own folders; values are parameters

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import duckdb

from ingest.contracts import CONTRACTS
from ingest.contracts.references import LOOSELY_NAMED, MEMBER_ID, REFERENCES
from orchestration.publish.copying import attach

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal
    from pathlib import Path

    from ingest.entities import EntityContract

CHANNELS: Final = "channels"
"""No entity: the codes people read figures by, those of the served build."""
SOURCE_WORDS: Final = "lead_source_map"
"""No entity: the seed's words for where a lead or a touch came from."""
_WITHOUT_CASE: Final = frozenset({CHANNELS, SOURCE_WORDS})
_DIMENSIONS: Final = {
    "users": "select user_id, user_name from served.main.dim_users",
    "products": "select product_id, product_name from served.main.dim_products where is_listed",
    # Ids of campaigns carry their platform there; files know them without.
    "campaigns": "select source_record_id, campaign_name from served.main.dim_campaigns",
    CHANNELS: "select code, label_vi from served.main.labels where code_type = 'channel'",
}
_SIMILAR: Final = 0.7
_CANDIDATES: Final = 3
_LISTED: Final = 200
"""Values looked up per column; a column with more of them points at another list altogether."""


@dataclass(frozen=True)
class LandedRows:
    """Rows of one dataset: which entity they are, and the Parquet files they lie in."""

    stream: str
    entity: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Unmatched:
    """One value that matches no member.

    `amounts` are sums per currency of the entity's own amount, none where it has no money;
    `nearest` holds ids of members, the likeliest first.
    """

    stream: str
    entity: str
    column: str
    value: str
    member_of: str
    rows: int
    amounts: tuple[tuple[str, Decimal], ...]
    nearest: tuple[str, ...]

    def describe(self) -> str:
        """Return one line: the value, its weight, what it may mean."""
        money = "; ".join(
            f"{amount:,.2f} {currency}" for currency, amount in self.amounts
        )
        weight = count_rows(self.rows) + (f", {money}" if money else "")
        known = " or ".join(map(repr, self.nearest))
        hint = f"; did you mean {known}?" if known else ""
        return (
            f"{self.stream} {self.column} {self.value!r} is no known member of "
            f"{self.member_of} ({weight}){hint}"
        )


def describe_all(found: Sequence[Unmatched]) -> list[str]:
    """Return the lines of some values: one each where a member is near, else one a column."""
    lines = [one.describe() for one in found if one.nearest]
    strangers: dict[tuple[str, str, str], list[Unmatched]] = {}
    for one in found:
        if not one.nearest:
            where = one.stream, one.column, one.member_of
            strangers.setdefault(where, []).append(one)
    for (stream, column, member_of), ones in strangers.items():
        if len(ones) == 1:
            lines.append(ones[0].describe())
            continue
        shown = ", ".join(repr(one.value) for one in ones[:_CANDIDATES])
        more = ", …" if len(ones) > _CANDIDATES else ""
        rows = count_rows(sum(one.rows for one in ones))
        lines.append(
            f"{stream} {column}: {len(ones)} values are no known members of {member_of} "
            f"({rows}), none of them near one: {shown}{more}"
        )
    return lines


def count_rows(rows: int) -> str:
    """Return a number of rows in words."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def source_words(dbt_project: Path) -> tuple[str, ...]:
    """Return the words the project knows for where a lead or a touch came from, none without."""
    seed = dbt_project / "seeds" / f"{SOURCE_WORDS}.csv"
    if not seed.is_file():
        return ()
    with seed.open(encoding="utf-8", newline="") as lines:
        return tuple(row["source"] for row in csv.DictReader(lines))


def find_unmatched(
    rows: Sequence[LandedRows], served: Path | None, *, sources: Iterable[str] = ()
) -> list[Unmatched]:
    """Return values of rows that name no member, those with most rows first.

    Members are those of the served build (None = there is none), of the rows themselves and
    the words for a lead's source (`sources`). An entity nobody delivers any member of is not
    judged: then nothing could match.
    """
    found: list[Unmatched] = []
    with duckdb.connect(config={"threads": 2}) as con:
        if served is not None:
            attach(con, served, "served")
        known = {e: _members(con, e, rows, served) for e in (*MEMBER_ID, CHANNELS)}
        known[SOURCE_WORDS] = dict.fromkeys(sources, "")
        tags = _campaign_tags(con, rows, served)
        for one in rows:
            contract = CONTRACTS["files"][one.entity]
            for column in contract.columns:
                member_of = _member_of(one.entity, column.name)
                is_own = member_of == one.entity and column.name in contract.key
                if member_of is None or is_own or not known[member_of] or not one.files:
                    continue
                members = _as_written(known[member_of], one.stream)
                is_loose = f"{one.entity}.{column.name}" in LOOSELY_NAMED
                spellings = (
                    [*members, *members.values(), *tags] if is_loose else members
                )
                found += _unmatched(
                    con, one, contract, column.name, members, spellings=spellings
                )
    return sorted(found, key=lambda u: (-u.rows, u.stream, u.column, u.value))


def _member_of(entity: str, column: str) -> str | None:
    """Return the entity a column names a member of, None = none."""
    return REFERENCES.get(f"{entity}.{column}") or REFERENCES.get(column)


def _members(
    con: duckdb.DuckDBPyConnection,
    entity: str,
    rows: Iterable[LandedRows],
    served: Path | None,
) -> dict[str, str]:
    """Return id -> name of an entity's members; a row without an id names none."""
    members: dict[str, str] = {}
    if served is not None and entity in _DIMENSIONS and _has(con, entity):
        members.update(con.execute(_DIMENSIONS[entity]).fetchall())
    if entity == CHANNELS:
        return {member: name for member, name in members.items() if member}
    key, name = MEMBER_ID[entity]
    for one in rows:
        if one.entity == entity and one.files:
            members.update(
                con.execute(
                    f'select distinct "{key}", "{name}" from read_parquet($files)',
                    {"files": [str(file) for file in one.files]},
                ).fetchall()
            )
    return {member: name for member, name in members.items() if member}


def _as_written(members: dict[str, str], stream: str) -> dict[str, str]:
    """Return members by the ids a stream's own files say.

    Where nobody delivers a list of people, those its files name are members all the same,
    published under `<source>:<id>`: they are known, and no spelling to map to.
    """
    own = f"{stream.partition('.')[0]}:"
    return {member.removeprefix(own): name for member, name in members.items()}


def _campaign_tags(
    con: duckdb.DuckDBPyConnection, rows: Iterable[LandedRows], served: Path | None
) -> list[str]:
    """Return the tags (utm_campaign) campaigns are known by beside id and name."""
    files = [str(f) for one in rows if one.entity == "campaigns" for f in one.files]
    tags: list[tuple[str | None]] = []
    if served is not None and _has(con, "campaigns"):
        tags += con.execute(
            "select utm_campaign from served.main.dim_campaigns"
        ).fetchall()
    if files:
        tags += con.execute(
            "select utm_campaign from read_parquet($files)", {"files": files}
        ).fetchall()
    return [tag for (tag,) in tags if tag]


def _has(con: duckdb.DuckDBPyConnection, entity: str) -> bool:
    """Return whether the served build has the dimension of an entity."""
    table = "labels" if entity == CHANNELS else f"dim_{entity}"
    found = con.execute(
        "select 1 from duckdb_tables() where database_name = 'served' and table_name = $1",
        [table],
    ).fetchone()
    return found is not None


def _unmatched(
    con: duckdb.DuckDBPyConnection,
    rows: LandedRows,
    contract: EntityContract,
    column: str,
    members: dict[str, str],
    *,
    spellings: Iterable[str | None],
) -> list[Unmatched]:
    """Return the values of one column that are none of the members' spellings."""
    money = next(
        (c for c in contract.money_columns if c.star or c.name == "amount"), None
    )
    amount = f'"{money.name}"' if money else "null::decimal(38, 4)"
    currency = f'"{money.currency_column}"' if money else "null::varchar"
    con.execute("create or replace temp table known (id varchar)")
    member_of = _member_of(rows.entity, column) or ""
    where = f"{rows.entity}.{column}"
    # The models read channels and words for a source without case.
    is_loose = member_of in _WITHOUT_CASE or where in LOOSELY_NAMED
    word = f'lower(trim("{column}"))' if is_loose else f'"{column}"'
    known = [s.lower() if is_loose else s for s in spellings if s]
    con.execute("insert into known select unnest($1::varchar[])", [known])
    counted = con.execute(
        f"select \"{column}\", coalesce({currency}, ''), count(*), sum({amount})"
        f" from read_parquet($files) where coalesce(\"{column}\", '') <> ''"
        f" and {word} not in (select id from known)"
        " group by all order by 3 desc, 1, 2",
        {"files": [str(file) for file in rows.files]},
    ).fetchall()
    values: dict[str, list[tuple[str, int, Decimal | None]]] = {}
    for value, code, count, total in counted:
        values.setdefault(value, []).append((code, count, total))
    return [
        Unmatched(
            stream=rows.stream,
            entity=rows.entity,
            column=column,
            value=value,
            member_of=member_of,
            rows=sum(count for _, count, _ in parts),
            amounts=tuple((c, t) for c, _, t in parts if t is not None),
            nearest=nearest_members(value, members),
        )
        for value, parts in list(values.items())[:_LISTED]
    ]


def nearest_members(value: str, members: dict[str, str]) -> tuple[str, ...]:
    """Return the ids whose own spelling or whose member's name is most like a value.

    A number is no misspelling of another, alone or in an id: NV001 is not NV011.
    """
    wanted = _letters(value)
    enough = 1.0 if wanted.isdigit() else _SIMILAR
    scored: dict[str, float] = {}
    digits = _digits(value)
    for member, name in members.items():
        likeness = max(
            difflib.SequenceMatcher(None, wanted, _letters(text)).ratio()
            if not digits or digits == _digits(text)
            else 0.0
            for text in (member, name or "")
        )
        if likeness >= enough:
            scored[member] = likeness
    best = sorted(scored, key=lambda m: (-scored[m], m))
    if best and scored[best[0]] == 1:
        return tuple(m for m in best if scored[m] == 1)[:_CANDIDATES]
    return tuple(best[:_CANDIDATES])


def mapping_lines(unmatched: Iterable[Unmatched]) -> list[str]:
    """Return the lines below a source that map what has a likeliest member.

    `channel` means one list in costs and another in touches: such words are mapped in the
    dataset, all others once for the source.
    """
    shared: dict[str, dict[str, str]] = {}
    own: dict[str, dict[str, dict[str, str]]] = {}
    for one in unmatched:
        if one.nearest:
            words = (
                shared if one.column in REFERENCES else own.setdefault(one.entity, {})
            )
            words.setdefault(one.column, {})[one.value] = one.nearest[0]
    lines = _values_lines(shared)
    if own:
        lines.append("datasets:")
    for entity, columns in own.items():
        lines += [f"  {entity}:", *(f"    {line}" for line in _values_lines(columns))]
    return lines


def _values_lines(words: dict[str, dict[str, str]]) -> list[str]:
    lines = ["values:"] if words else []
    for column, known in words.items():
        pairs = ", ".join(f"{_quote(a)}: {_quote(b)}" for a, b in known.items())
        lines.append(f"  {column}: {{{pairs}}}")
    return lines


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def _letters(text: str) -> str:
    """Return a text as bare small letters and digits: spaces, marks and case say nothing."""
    flat = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return re.sub(r"[^a-z0-9]", "", flat.casefold())


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
