"""Looking at dropped files and proposing what they feed: entity, columns, formats.

Belongs here: likeness of headers to the canonical columns, in English and Vietnamese, and
which declared formats read every sample the same way. Stays out: what a file is
(`file_looks`), the words people use (`header_words`), the text of the configuration
(`dataset_blocks`, `initial_config`), reading files for a night (`ingest.sources.files`). A
proposal is written down for a person to see, what is guessed in it marked; a night never
guesses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ingest.config_files import UNDECLARED, UNSETTLED, required_columns
from ingest.contracts import CONTRACTS
from ingest.contracts.headers import TITLES
from ingest.currencies import EXPONENTS
from ingest.date_formats import ISO
from ingest.entities import EntityContract, Truth, Type
from ingest.sources.files.scalars import Misread, read_date, read_number
from orchestration.file_looks import Look, data_files, look_at
from orchestration.header_proofs import (
    NearLookup,
    count_referred,
    own_id,
    place_id,
    propose_lookups,
)
from orchestration.header_words import (
    ALIASES,
    FILE_NAMES,
    NOISE,
    PLATFORMS,
    VERSIONS,
    likeness,
    normal,
    plain,
    platform_of,
    vietnamese,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ingest.config_files import TotalRows
    from ingest.entities import Column
    from ingest.sources.files.table import RawTable

_SAMPLES: Final = 1000
_SIMILAR: Final = 0.84
"""Least likeness of a header to a column: `engage_date` is not `changed_at`, `close_date` is
`closed_date`. Below it the wrong proposals outnumber the right ones on the three data sets."""
_WORDS_LISTED: Final = 20
_MANY: Final = 40
"""More columns than any entity has, so that their number only decides between equals."""
_HALF: Final = 0.5

_DATE_FORMATS: Final = (
    ISO,
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%Y-%m-%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)
_NUMBER_FORMATS: Final = ("1234.56", "1,234.56", "1.234,56", "1234,56", "1 234,56")
_NUMBERS: Final = frozenset({Type.INTEGER, Type.MONEY, Type.NUMBER, Type.RATE})
_TIMES: Final = frozenset({Type.DATE, Type.INSTANT})


@dataclass
class Proposal:
    """One file and what it seems to feed.

    `missing`: required columns nothing gives yet. `guessed`: columns whose header is only
    like theirs. `unsettled`: formats that read the values in several ways, each with its
    candidates; `shown`: the first value that tells them apart. `unplaced`: words of closed
    lists, by column, that mean nobody knows what. `units`: units of amounts, `?` where whole
    numbers may be full or smallest units. `aggregate`: by which columns rows are added up,
    and which, where a key comes up again; `version_column`: the header that says which of
    several lines of a key is the newest. `whose_id`: a header called `id` and the blank parts
    of the key it may name. `lookups`: column -> the other file that tells it, header of
    the codes here and there, header of the value. `near_lookups`: those that lack a few codes.
    `referred`: how many of its own ids files of other entities name. `questions`: what to
    ask about words and units.
    """

    file: str
    entity: str
    headers: tuple[str, ...]
    columns: dict[str, str]
    constants: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    mode: str = ""
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    sheet: tuple[str, ...] = ()
    skip_rows: int = 0
    header_rows: int = 1
    rows_quoted: bool = False
    fixed_width: dict[str, tuple[int, int]] = field(default_factory=dict)
    total_rows: TotalRows | None = None
    date_format: str = ISO
    number_format: str = UNDECLARED
    guessed: frozenset[str] = frozenset()
    unsettled: dict[str, tuple[str, ...]] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    unplaced: dict[str, list[str]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    aggregate: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    version_column: str = ""
    whose_id: tuple[str, tuple[str, ...]] = ("", ())
    lookups: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    near_lookups: dict[str, NearLookup] = field(default_factory=dict)
    referred: int = 0
    questions: list[str] = field(default_factory=list)


def propose_datasets(
    folder: Path, *, zone: str, currency: str
) -> tuple[list[Proposal], list[str]]:
    """Return a proposal for every file that resembles an entity, best first; and the others.

    Files of one shape whose names differ by a number become one proposal with a pattern.
    """
    seen = []
    for path in data_files(folder)[0]:
        look = look_at(path, zone=zone, name=path.relative_to(folder).as_posix())
        seen.append((look, propose(look, zone=zone, currency=currency)))
    return rank(seen), [look.name for look, found in seen if found is None]


def rank(found: Iterable[tuple[Look, Proposal | None]]) -> list[Proposal]:
    """Return proposals best first, files of one shape joined under a pattern."""
    pairs = list(found)
    propose_lookups(pairs)
    count_referred(pairs)
    joined = _join_numbered(proposal for _, proposal in pairs if proposal is not None)
    return sorted(joined, key=lambda p: (len(p.missing), -len(p.columns), -p.referred))


def propose(
    look: Look, *, zone: str, currency: str, entity: str = "", is_asked: bool = False
) -> Proposal | None:
    """Return the likeliest reading of one file, or None when nothing resembles it.

    `entity` names what it feeds; `is_asked`: somebody asks about just this file, so the
    nearest entity is named however far it is.
    """
    if look.table is None:
        return None
    contracts = CONTRACTS["files"]
    wanted = [contracts[entity]] if entity else list(contracts.values())
    candidates = [_match(look.name, look.table, one, currency) for one in wanted]
    best, score = max(candidates, key=lambda pair: pair[1])
    if score <= 0 and (entity or is_asked):
        best = max((pair[0] for pair in candidates), key=_share_told)
        score = _share_told(best)
    if score <= 0 and not entity:
        return None
    place_id(best, look.table)
    _propose_values(best, look.table, contracts[best.entity])
    _propose_formats(best, look.table, contracts[best.entity], ZoneInfo(zone))
    _propose_units(best, look.table, contracts[best.entity])
    _propose_sums(best, look.table, contracts[best.entity])
    _propose_version(best, look.table, contracts[best.entity])
    best.delimiter, best.sheet = look.delimiter, look.sheet
    best.skip_rows, best.total_rows = look.skip_rows, look.total_rows
    best.header_rows, best.rows_quoted = look.header_rows, look.rows_quoted
    best.fixed_width = look.fixed_width
    if look.encodings:
        best.encoding = look.encodings[0]
    if len(look.encodings) > 1:
        best.unsettled["encoding"] = look.encodings
    return best


def _share_told(proposal: Proposal) -> float:
    """Return how much of a file its columns explain, between 0 and 1."""
    known = len(set(proposal.columns.values()))
    return 2 * known / (len(proposal.headers) + known + len(proposal.missing) or 1)


def _join_numbered(found: Iterable[Proposal]) -> list[Proposal]:
    """Return files that differ by a number in their name only as one pattern."""
    groups: dict[tuple[str, tuple[str, ...], str], list[Proposal]] = {}
    for proposal in found:
        pattern = re.sub(r"\d+([_-]\d+)*", "*", proposal.file)
        key = (proposal.entity, proposal.headers, pattern)
        groups.setdefault(key, []).append(proposal)
    joined = []
    for (_entity, _headers, pattern), members in groups.items():
        last = members[-1]
        if len(members) > 1:
            last.file, last.mode = pattern, ""
        joined.append(last)
    return joined


def _match(
    name: str, table: RawTable, contract: EntityContract, currency: str
) -> tuple[Proposal, float]:
    """Return how a file would feed one entity, and how likely that is."""
    columns = {
        column.name: header
        for column in contract.columns
        if (header := _nearest_header(column, contract, table.headers)) is not None
    }
    constants: dict[str, str] = {}
    currencies = {
        c.currency_column for c in contract.money_columns if c.name in columns
    }
    for column in sorted(currencies - set(columns)):
        constants[column] = currency
    platform = platform_of(name)
    if "platform" in contract.key and "platform" not in columns and platform:
        constants["platform"] = platform
    required = required_columns(contract)
    told = [column for column in required if column in columns]
    is_named = _names_entity(name, contract)
    own = own_id(contract)
    by_key = own in columns and plain(columns[own]) != "id"
    used = len(set(columns.values())) / len(table.headers)
    # Every export has an `id` and an amount, and any may name a campaign: what is neither
    # called like the entity nor half made of its columns is something else.
    score = (
        2 * is_named + by_key + len(told) / len(required) + len(columns) / _MANY
        if told and (is_named or (by_key and used >= _HALF))
        else 0.0
    )
    is_list = contract.truth is Truth.MUTABLE and not re.search(r"\d{4}", name)
    proposal = Proposal(
        file=name,
        entity=contract.name,
        headers=table.headers,
        columns=columns,
        constants=constants,
        missing=tuple(c for c in required if c not in columns and c not in constants),
        guessed=frozenset(
            c for c, h in columns.items() if plain(h) not in {c, vietnamese(c)}
        ),
        mode="replace" if is_list else "",
    )
    return proposal, score


def _names_entity(name: str, contract: EntityContract) -> bool:
    """Tell whether a file is called like the entity: `deals_2026.csv`, `invoice_data.csv`."""
    words = [
        word
        for word in plain(name.rpartition(".")[0]).split("_")
        if word not in NOISE and not word.isdigit()
    ]
    flat = "_".join(words)
    if platform_of(name):
        words = [w for w in words if w not in PLATFORMS]
        flat = "_".join(words).removeprefix("ads_") or flat
    called = normal(flat)
    if contract.name == FILE_NAMES.get(flat) or flat in {
        plain(title) for title in TITLES[contract.name]
    }:
        return True
    singular = contract.name.removesuffix("s")
    names = (contract.name, singular, f"{singular}ies".replace("yies", "ies"))
    return any(likeness(called, one) >= _SIMILAR for one in names)


def _nearest_header(
    column: Column, contract: EntityContract, headers: Sequence[str]
) -> str | None:
    """Return the header most like a column, if it is like enough."""
    key = own_id(contract)
    thing = key.removesuffix("_id")
    # `deal_stage` of a deal is its stage.
    exact = {column.name, f"{thing}_{column.name}", vietnamese(column.name)}
    exact |= ALIASES.get(column.name, frozenset())
    if column.name == key and key.endswith("_id"):
        exact |= {"id", thing}
    if column.name == f"{thing}_name":
        exact |= {"name", thing}
    scored = [
        (
            1.0
            if {normal(header), plain(header)} & exact
            else likeness(normal(header), column.name),
            header,
        )
        for header in headers
    ]
    best, header = max(scored, key=lambda pair: pair[0])
    if best >= _SIMILAR:
        return header
    columns = {other.name: other for other in contract.columns}
    if column.name == "status" and column.star and "stage" in columns:
        # Many exports say with the stage alone whether a deal is won.
        return _nearest_header(columns["stage"], contract, headers)
    return None


def _samples(table: RawTable, header: str) -> list[str]:
    texts = table.column(header).unique().slice(0, _SAMPLES).to_pylist()
    return list(dict.fromkeys(text.strip() for text in texts if text and text.strip()))


def _propose_values(
    proposal: Proposal, table: RawTable, contract: EntityContract
) -> None:
    """Map words of closed lists that differ only in spelling; ask about the others."""
    for name, header in proposal.columns.items():
        allowed = {normal(word): word for word in contract.column(name).values}
        if not allowed:
            continue
        words = _samples(table, header)[:_WORDS_LISTED]
        known = {
            word: allowed[normal(word)] for word in words if normal(word) in allowed
        }
        proposal.values[name] = {w: c for w, c in known.items() if w != c}
        open_words = [word for word in words if word not in known]
        if open_words:
            proposal.unplaced[name] = open_words
            proposal.questions.append(
                f"say which of {', '.join(allowed.values())} these mean: "
                f"{', '.join(open_words)}"
            )
    proposal.values = {name: words for name, words in proposal.values.items() if words}


def _propose_formats(
    proposal: Proposal, table: RawTable, contract: EntityContract, zone: ZoneInfo
) -> None:
    """Choose the format that reads every sample; ask where two read them differently."""
    for types, formats, read, attribute, key in (
        (
            _TIMES,
            _DATE_FORMATS,
            lambda text, written: read_date(text, (written,), zone),
            "date_format",
            "date_formats",
        ),
        (_NUMBERS, _NUMBER_FORMATS, _read_number, "number_format", "number_format"),
    ):
        samples = [
            text
            for name, header in proposal.columns.items()
            if contract.column(name).type in types
            for text in _samples(table, header)
        ]
        # Cells of a workbook come as ISO days and plain numbers.
        tried = formats[:1] if table.is_native else formats
        readings = _readings(samples, tried, read)
        if not samples:
            continue
        fitting = list(readings)
        if not fitting:
            proposal.unsettled[key] = ()
            continue
        if key != "number_format" or any(re.search(r"[.,]", text) for text in samples):
            setattr(proposal, attribute, fitting[0])
        told = {
            tuple(map(str, values)): written
            for written, values in reversed(readings.items())
        }
        if len(told) > 1:
            proposal.unsettled[key] = tuple(
                written for written in fitting if written in told.values()
            )
            proposal.shown[key] = _example(samples, readings)


def _example(samples: Sequence[str], readings: Mapping[str, list[object]]) -> str:
    """Return the first value that two formats read differently, and as what."""
    columns = list(zip(*readings.values(), strict=True))
    place = next(n for n, read in enumerate(columns) if len(set(map(str, read))) > 1)
    meant = dict.fromkeys(map(str, columns[place]))
    return f"{samples[place]} is {' or '.join(meant)}"


def _propose_units(
    proposal: Proposal, table: RawTable, contract: EntityContract
) -> None:
    """Note amounts in millionths, and ask where whole numbers may be cents."""
    whole: dict[str, str] = {}
    for column in contract.money_columns:
        header = proposal.columns.get(column.name)
        if header is None:
            continue
        if plain(header).endswith("micros"):
            proposal.units[column.name] = "micros"
            continue
        known = proposal.columns.get(column.currency_column)
        currencies = (
            {word.upper() for word in _samples(table, known)}
            if known
            else {proposal.constants.get(column.currency_column, "")}
        )
        amounts = _samples(table, header)
        has_cents = any(EXPONENTS.get(currency, 0) for currency in currencies)
        if has_cents and amounts and all(re.fullmatch(r"-?\d+", a) for a in amounts):
            proposal.units[column.name] = UNSETTLED
            whole[header] = max(amounts, key=len)
    if whole:
        listed = ", ".join(f"{header} ({amount})" for header, amount in whole.items())
        text = (
            f"only whole numbers stand in {listed}: full units (major), or the smallest "
            "ones, such as cents (minor)?"
        )
        proposal.questions.append(text)


def _propose_sums(
    proposal: Proposal, table: RawTable, contract: EntityContract
) -> None:
    """Propose adding up where a day's key comes up again: the file is finer than the entity."""
    keys = [name for name in contract.key if name in proposal.columns]
    sums = [
        name
        for name in proposal.columns
        if contract.column(name).type in _NUMBERS and name not in keys
    ]
    if contract.truth is not Truth.RESTATED_DAILY or not keys or not sums:
        return
    columns = [table.column(proposal.columns[name]).to_pylist() for name in keys]
    rows = list(zip(*columns, strict=True))
    if len(set(rows)) < len(rows):
        proposal.aggregate = tuple(keys), tuple(sums)


def _propose_version(
    proposal: Proposal, table: RawTable, contract: EntityContract
) -> None:
    """Propose by what the newest line of a key is known, where keys come up again.

    The history of a list holds every version of a thing; all but the last are past.
    """
    keys = [name for name in contract.key if name in proposal.columns]
    header = next((h for h in table.headers if plain(h) in VERSIONS), "")
    is_told = contract.version_column in proposal.columns
    if contract.truth is Truth.MUTABLE and keys and header and not is_told:
        columns = [table.column(proposal.columns[name]).to_pylist() for name in keys]
        rows = list(zip(*columns, strict=True))
        if len(set(rows)) < len(rows):
            proposal.version_column = header


def _read_number(text: str, written: str) -> object:
    return read_number(text, written)[0]


def _readings(
    samples: Iterable[str],
    formats: Iterable[str],
    read: Callable[[str, str], object],
) -> dict[str, list[object]]:
    """Return the formats that read every sample, with what they read."""
    found: dict[str, list[object]] = {}
    for written in formats:
        try:
            found[written] = [read(text, written) for text in samples]
        except Misread:
            continue
    return found
