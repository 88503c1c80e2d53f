"""What the bytes of files prove about a column: whose id it holds, which other file tells it.

Belongs here: ids named by resource names beside them, codes another file holds every one of.
Stays out: likeness of headers (`header_proposals`). Nothing is proposed that the cells do not
show; what they do not show is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.contracts import CONTRACTS
from orchestration.header_words import ALIASES, normal, plain, vietnamese

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.entities import EntityContract
    from ingest.sources.files.table import RawTable
    from orchestration.file_looks import Look
    from orchestration.header_proposals import Proposal

_RESOURCE: Final = re.compile(r"(?:.*/)?([A-Za-z]+)/([^/]+)")
_RESOURCES: Final = {
    "campaigns": "campaign_id",
    "adgroups": "ad_group_id",
    "ads": "ad_id",
    "adgroupads": "ad_id",
}
"""Last collection of a resource name (customers/7/campaigns/42) -> the column 42 is an id of."""
_TELLING: Final = 4
"""Codes of fewer letters are found in many a list by chance."""
_NEARLY: Final = 0.75
"""Share of its codes another list has to hold to be named as a likely one."""


@dataclass(frozen=True)
class NearLookup:
    """A list that may tell a column, though it lacks some of the codes."""

    lookup: tuple[str, str, str, str]
    held: int
    codes: int


def place_id(proposal: Proposal, table: RawTable) -> None:
    """Give a header that is just called `id` to the part of the key it names, or ask.

    An export of ads calls the id of its own level `id`: of a campaign, an ad group or an ad.
    Left out, the rows of all campaigns would be those of the account.
    """
    contract = CONTRACTS["files"][proposal.entity]
    taken = set(proposal.columns.values())
    header = next((h for h in table.headers if plain(h) == "id" and h not in taken), "")
    blank = [
        name
        for name in contract.key
        if name.endswith("_id")
        and name not in proposal.columns
        and name not in proposal.missing
    ]
    if not header or not blank:
        return
    shown = _named_by_resource(table, header)
    if shown in blank:
        proposal.columns[shown] = header
        proposal.guessed |= {shown}
    elif not shown:
        proposal.whose_id = header, tuple(blank)


def propose_lookups(pairs: Sequence[tuple[Look, Proposal | None]]) -> None:
    """Take columns a file lacks from the one other file that holds all its codes.

    Of what is required the one list that holds most of them is named, and not taken.
    """
    for look, proposal in pairs:
        if proposal is None:
            continue
        for column in (*proposal.missing, *proposal.constants):
            found = [
                lookup
                for other, _ in pairs
                if other is not look
                for lookup in _lookups(look, other, column)
            ]
            proved = [one.lookup for one in found if one.held == one.codes]
            if len(proved) == 1:
                proposal.lookups[column] = proved[0]
            elif len(found) == 1 and column in proposal.missing:
                proposal.near_lookups[column] = found[0]
        given = proposal.lookups
        proposal.missing = tuple(c for c in proposal.missing if c not in given)
        for column in given:
            proposal.constants.pop(column, None)


def count_referred(pairs: Sequence[tuple[Look, Proposal | None]]) -> None:
    """Note how many of a list's own ids files of other entities name.

    Of two lists of campaigns only one may hold those the money was spent on.
    """
    found = [(look.table, p) for look, p in pairs if look.table and p]
    for table, proposal in found:
        own = own_id(CONTRACTS["files"][proposal.entity])
        named = {
            code
            for there, other in found
            if other.entity != proposal.entity and own in other.columns
            for code in there.column(other.columns[own]).unique().to_pylist()
        }
        if named and own in proposal.columns:
            ids = table.column(proposal.columns[own]).unique().to_pylist()
            proposal.referred = len(named & {code for code in ids if code})


def own_id(contract: EntityContract) -> str:
    """Return the key column that names the entity's own things: campaign_id of campaigns."""
    ending = {"s": "", "ies": "y", "es": ""}
    things = {contract.name.removesuffix(e) + new for e, new in ending.items()}
    named = [name for name in contract.key if name.removesuffix("_id") in things]
    return named[0] if named else contract.key[0]


def _named_by_resource(table: RawTable, header: str) -> str:
    """Return the column whose ids a header holds, as a resource name in each row says."""
    ids = table.column(header).to_pylist()
    for other in table.headers:
        if other == header:
            continue
        kinds: set[str] = set()
        for own, text in zip(ids, table.column(other).to_pylist(), strict=True):
            match = _RESOURCE.fullmatch(text or "")
            if match is None or match[2] != own:
                break
            kinds.add(_RESOURCES.get(match[1].lower(), ""))
        else:
            if len(kinds) == 1:
                return kinds.pop()
    return ""


def _lookups(look: Look, other: Look, column: str) -> Iterator[NearLookup]:
    """Yield the lookups of a column another file allows: one value for most codes here.

    Each is the other file, the header of the codes here and there, the header of the value.
    """
    if look.table is None or other.table is None:
        return
    for take in other.table.headers:
        if not _means(take, column):
            continue
        for key in other.table.headers:
            if key == take:
                continue
            known = _index(other.table, key, take)
            for local in look.table.headers if known else ():
                if not _same_thing(local, key):
                    continue
                thing = plain(local).removesuffix("_id")
                is_named = thing in plain(other.name).split("_")
                codes = _codes(look.table, local, known, is_named=is_named)
                held = len(codes & set(known))
                if codes and held >= len(codes) * _NEARLY:
                    lookup = other.name, local, key, take
                    yield NearLookup(lookup, held, len(codes))


def _means(header: str, column: str) -> bool:
    return (
        normal(header) == column
        or plain(header) == vietnamese(column)
        or plain(header) in ALIASES.get(column, frozenset())
    )


def _same_thing(local: str, key: str) -> bool:
    """Tell whether two headers may name one thing: alike, or the other list's `id`."""
    if plain(key) != "id":
        return normal(local) == normal(key) or plain(local) == plain(key)
    # `customer_id` here and `id` there: codes, not names, have to agree, which is tried next.
    return plain(local).endswith("_id")


def _index(table: RawTable, key: str, take: str) -> dict[str, str]:
    """Return code -> value; empty where one code has two values."""
    index: dict[str, str] = {}
    cells = zip(
        table.column(key).to_pylist(), table.column(take).to_pylist(), strict=True
    )
    for code, value in cells:
        if code and value and index.setdefault(code, value) != value:
            return {}
    return index


def _codes(
    table: RawTable, local: str, known: dict[str, str], *, is_named: bool
) -> set[str]:
    """Return the codes of a column, none where they prove nothing.

    They may be the values themselves, or too short; short ones do prove a list that
    `is_named` after what they are codes of.
    """
    codes = {code for code in table.column(local).unique().to_pylist() if code}
    is_telling = is_named or min(map(len, codes), default=0) >= _TELLING
    return codes if is_telling and not codes & set(known.values()) else set()
