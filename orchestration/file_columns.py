"""Columns of a file as people are shown them: what they hold, in examples that name nobody.

Belongs here: what a column's cells look like, and which examples may be shown in full. Stays
out: what the file is (`file_looks`), which entity it feeds (`header_proposals`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.contracts import CONTRACTS
from ingest.entities import Pii

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.sources.files.table import RawTable
    from orchestration.header_proposals import Proposal

_SHOWN: Final = 3
_LONGEST: Final = 24
_FEW: Final = 20
_PERSONAL_WORDS: Final = frozenset(
    ("name", "ten", "email", "mail", "phone", "tel", "mobile", "thoai", "sdt", "address",
     "chi", "contact", "agent", "rep", "manager", "owner", "author", "nguoi", "vien")
)  # fmt: skip
_DATE: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")
_NUMBER: Final = re.compile(
    r"[-+(]?[^\w\s]{0,3}[\d.,'\u00a0\u202f ]*\d[\d.,]*\s?\D{0,3}\)?"
)
_PHONE: Final = re.compile(r"(\+|00|0)[\d .()-]{8,16}")


@dataclass(frozen=True)
class ColumnFacts:
    """One header of a file: the contract column it seems to be ('' = none), and its cells.

    `filled` and `distinct` are counts among the `rows` looked at; `examples` are masked where
    they may say something about a person.
    """

    header: str
    column: str
    is_guessed: bool
    rows: int
    filled: int
    distinct: int
    holds: str
    examples: tuple[str, ...]


def describe_columns(
    table: RawTable, proposal: Proposal | None
) -> tuple[ColumnFacts, ...]:
    """Return what every column of a file holds."""
    return tuple(_describe(table, header, proposal) for header in table.headers)


def mask(text: str) -> str:
    """Return a text that shows its form and says nothing: the first letter of each word."""
    text = unicodedata.normalize("NFC", text)
    if "@" in text:
        return f"{text[:1]}•••@•••"
    return re.sub(r"(\w)\w*", r"\1•", text)


def _describe(table: RawTable, header: str, proposal: Proposal | None) -> ColumnFacts:
    cells = [text.strip() for text in table.column(header).to_pylist() if text]
    cells = [text for text in cells if text]
    words = list(dict.fromkeys(cells))
    names = [c for c, h in proposal.columns.items() if h == header] if proposal else []
    holds = _holds(words)
    is_personal = _is_personal(header, names, proposal, words, holds)
    shown = [_shorten(mask(w) if is_personal else w) for w in words[:_SHOWN]]
    return ColumnFacts(
        header=header,
        column=", ".join(names),
        is_guessed=any(proposal and name in proposal.guessed for name in names),
        rows=len(table.lines),
        filled=len(cells),
        distinct=len(words),
        holds=holds,
        examples=tuple(shown),
    )


def _holds(words: Sequence[str]) -> str:
    """Return what the cells of a column look like, in a word or two."""
    if not words:
        return "nothing"
    if all(_DATE.fullmatch(word) for word in words):
        return "dates"
    if all(_PHONE.fullmatch(word) for word in words):
        return "phone numbers"
    if all(word.isdigit() and word.startswith("0") and len(word) > 1 for word in words):
        return "codes"
    if all(_NUMBER.fullmatch(word) for word in words):
        return "numbers"
    return "words" if len(words) <= _FEW else "text"


def _is_personal(
    header: str,
    names: Sequence[str],
    proposal: Proposal | None,
    words: Sequence[str],
    holds: str,
) -> bool:
    """Tell whether examples of a column may say something about a person."""
    if proposal:
        contract = CONTRACTS["files"][proposal.entity]
        if any(contract.column(name).pii is not Pii.NONE for name in names):
            return True
        if names and not proposal.guessed.intersection(names):
            return False
    if holds in {"dates", "numbers", "codes", "nothing"}:
        return False
    flat = unicodedata.normalize("NFKD", header.replace("đ", "d").replace("Đ", "D"))
    plain = "".join(c for c in flat if not unicodedata.combining(c)).lower()
    said = set(re.findall(r"[a-z]+", plain))
    if said & _PERSONAL_WORDS or holds == "phone numbers":
        return True
    # Free text may hold anything; codes and the few words of a list say nothing.
    is_code = not any(re.search(r"\s", word) for word in words) and any(
        character.isdigit() for word in words for character in word
    )
    return any("@" in word for word in words) or (holds == "text" and not is_code)


def _shorten(text: str) -> str:
    shown = "".join(c if c.isprintable() else "·" for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
