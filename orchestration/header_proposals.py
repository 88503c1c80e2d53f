"""Looking at dropped files and proposing what they feed: entity, columns, formats.

Belongs here: similarity of headers to the canonical columns, and which declared formats read
every sample the same way. Stays out: writing the configuration (`initial_config`), reading
files for a night (`ingest.sources.files`). A proposal is written down for a person to see;
a night never guesses.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ingest.config_files import ISO, Dataset, required_columns
from ingest.contracts import CONTRACTS
from ingest.entities import EntityContract, Truth, Type
from ingest.errors import IngestError
from ingest.sources.files.decode import decode_file
from ingest.sources.files.scalars import Misread, read_date, read_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ingest.entities import Column
    from ingest.sources.files.table import RawTable

_ENDINGS: Final = (".csv", ".tsv", ".txt", ".jsonl", ".xlsx", ".parquet")
_DELIMITERS: Final = (",", ";", "\t", "|")
_TEXT_BYTES: Final = 1 << 20
_WHOLE_BYTES: Final = 50 << 20
"""Text is looked at in its first megabyte; other formats only make sense whole."""
_SAMPLES: Final = 1000
_SIMILAR: Final = 0.84
"""Least likeness of a header to a column: `engage_date` is not `changed_at`, `close_date` is
`closed_date`. Below it the wrong proposals outnumber the right ones on the three data sets."""
_WORDS_LISTED: Final = 20
_MANY: Final = 40
"""More columns than any entity has, so that their number only decides between equals."""
_HALF: Final = 0.5
_NOISE: Final = frozenset(
    {"data", "export", "list", "report", "all", "history", "table"}
)

_DATE_FORMATS: Final = (
    ISO,
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)
_NUMBER_FORMATS: Final = ("1234.56", "1,234.56", "1.234,56", "1234,56", "1 234,56")
_NUMBERS: Final = frozenset({Type.INTEGER, Type.MONEY, Type.NUMBER, Type.RATE})
_TIMES: Final = frozenset({Type.DATE, Type.INSTANT})

_SAME: Final[Mapping[str, str]] = {
    "deal": "opportunity",
    "deals": "opportunities",
    "pipeline": "opportunities",
    "client": "customer",
    "clients": "customers",
    "company": "account",
    "companies": "accounts",
    "sales_rep": "owner_id",
    "sales_agent": "owner_id",
    "rep": "owner_id",
    "close_value": "amount",
    "deal_value": "amount",
    "opportunity_value": "amount",
    "value": "amount",
    "total": "amount",
    "stage_name": "stage",
    "opportunity_stage": "stage",
    "opportunity_status": "status",
    "engage_date": "created_at",
    "create_date": "created_at",
    "created": "created_at",
    "created_date": "created_at",
    "close_date": "closed_at",
    "closed": "closed_at",
    "won_date": "closed_at",
    "product": "product_id",
    "account": "account_id",
    "customer": "customer_id",
    "currency_code": "currency",
    "sector": "industry",
    "cost": "spend",
    "day": "date",
}
"""Words of everyday exports -> ours, after `_normal`."""


@dataclass(frozen=True)
class Question:
    """What the files do not tell and a person has to settle before the first night."""

    where: str
    text: str


@dataclass
class Proposal:
    """One file and what it seems to feed. `missing`: required columns nothing gives yet."""

    file: str
    entity: str
    headers: tuple[str, ...]
    columns: dict[str, str]
    constants: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    mode: str = ""
    delimiter: str = ","
    date_format: str = ISO
    number_format: str = _NUMBER_FORMATS[0]
    questions: list[Question] = field(default_factory=list)


def propose_datasets(folder: Path, *, zone: str, currency: str) -> list[Proposal]:
    """Return a proposal for every file that resembles an entity, best first.

    Files of one shape whose names differ by a number become one proposal with a pattern.
    """
    found: list[Proposal] = []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith((".", "~$")):
            continue
        if not path.name.lower().endswith(_ENDINGS):
            continue
        table, delimiter = _open(path, zone)
        if table is None:
            continue
        proposal = _propose(path.name, table, zone=zone, currency=currency)
        if proposal is not None:
            proposal.delimiter = delimiter
            found.append(proposal)
    joined = _join_numbered(found)
    return sorted(joined, key=lambda p: (len(p.missing), -len(p.columns)))


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


def _open(path: Path, zone: str) -> tuple[RawTable | None, str]:
    """Return the first rows of a file as text and its delimiter; None = not readable."""
    is_text = path.name.lower().endswith((".csv", ".tsv", ".txt", ".jsonl"))
    if not is_text and path.stat().st_size > _WHOLE_BYTES:
        return None, ","
    with path.open("rb") as handle:
        content = handle.read(_TEXT_BYTES) if is_text else handle.read()
    if is_text and len(content) == _TEXT_BYTES:
        content = content[: content.rfind(b"\n") + 1]
    first_line = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    delimiter = max(_DELIMITERS, key=first_line.count)
    dataset = Dataset(
        entity="targets",
        name="look",
        files=(path.name,),
        mode="replace",
        delimiter=delimiter,
        timezone=zone,
    )
    try:
        return decode_file(content, dataset, name=path.name), delimiter
    except IngestError:
        return None, delimiter


def _propose(
    name: str, table: RawTable, *, zone: str, currency: str
) -> Proposal | None:
    """Return the likeliest reading of one file, or None when nothing resembles it."""
    candidates = [
        _match(name, table, contract, currency)
        for contract in CONTRACTS["files"].values()
    ]
    best, score = max(candidates, key=lambda pair: pair[1])
    if score <= 0:
        return None
    contract = CONTRACTS["files"][best.entity]
    _propose_values(best, table, contract)
    _propose_formats(best, table, contract, ZoneInfo(zone))
    return best


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
    required = required_columns(contract)
    told = [column for column in required if column in columns]
    is_named = _names_entity(name, contract)
    by_key = contract.key[0] in columns and _plain(columns[contract.key[0]]) != "id"
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
        mode="replace" if is_list else "",
    )
    return proposal, score


def _names_entity(name: str, contract: EntityContract) -> bool:
    """Tell whether a file is called like the entity: `deals_2026.csv`, `invoice_data.csv`."""
    words = [
        word
        for word in _plain(name.rpartition(".")[0]).split("_")
        if word not in _NOISE and not word.isdigit()
    ]
    called = _normal("_".join(words))
    singular = contract.name.removesuffix("s")
    names = (contract.name, singular, f"{singular}ies".replace("yies", "ies"))
    return any(_likeness(called, one) >= _SIMILAR for one in names)


def _nearest_header(
    column: Column, contract: EntityContract, headers: Sequence[str]
) -> str | None:
    """Return the header most like a column, if it is like enough."""
    key = contract.key[0]
    thing = key.removesuffix("_id")
    exact = {f"{thing}_{column.name}"}  # `deal_stage` of a deal is its stage
    if column.name == key and key.endswith("_id"):
        exact |= {"id", thing}
    if column.name == f"{thing}_name":
        exact |= {"name", thing}
    scored = [
        (
            1.0
            if {_normal(header), _plain(header)} & exact
            else _likeness(_normal(header), column.name),
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


def _plain(text: str) -> str:
    """Return a header as small letters without marks, underscores between words."""
    flat = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    kept = "".join(c for c in flat if not unicodedata.combining(c)).lower()
    return re.sub(r"[^a-z0-9]+", "_", kept).strip("_")


def _normal(text: str) -> str:
    """Return a header with everyday words replaced by ours."""
    plain = _plain(text)
    if plain in _SAME:
        return _SAME[plain]
    # Inside a longer header only words that stand for a thing are replaced.
    words = [
        same if (same := _SAME.get(word, word)).isalpha() else word
        for word in plain.split("_")
    ]
    joined = "_".join(words)
    return _SAME.get(joined, joined)


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _samples(table: RawTable, header: str) -> list[str]:
    texts = table.column(header).unique().slice(0, _SAMPLES).to_pylist()
    return list(dict.fromkeys(text.strip() for text in texts if text and text.strip()))


def _propose_values(
    proposal: Proposal, table: RawTable, contract: EntityContract
) -> None:
    """Map words of closed lists that differ only in spelling; ask about the others."""
    for name, header in proposal.columns.items():
        allowed = {_normal(word): word for word in contract.column(name).values}
        if not allowed:
            continue
        words = _samples(table, header)[:_WORDS_LISTED]
        known = {
            word: allowed[_normal(word)] for word in words if _normal(word) in allowed
        }
        proposal.values[name] = {w: c for w, c in known.items() if w != c}
        open_words = [word for word in words if word not in known]
        if open_words:
            proposal.questions.append(
                Question(
                    f"{proposal.entity}.values.{name}",
                    f"say which of {', '.join(allowed.values())} these mean: "
                    f"{', '.join(open_words)}",
                )
            )
    proposal.values = {name: words for name, words in proposal.values.items() if words}


def _propose_formats(
    proposal: Proposal, table: RawTable, contract: EntityContract, zone: ZoneInfo
) -> None:
    """Choose the format that reads every sample; ask where two read them differently."""
    if table.is_native:
        return
    for types, formats, read, attribute in (
        (
            _TIMES,
            _DATE_FORMATS,
            lambda text, written: read_date(text, (written,), zone),
            "date_format",
        ),
        (_NUMBERS, _NUMBER_FORMATS, _read_number, "number_format"),
    ):
        samples = [
            text
            for name, header in proposal.columns.items()
            if contract.column(name).type in types
            for text in _samples(table, header)
        ]
        readings = _readings(samples, formats, read)
        if not samples:
            continue
        fitting = list(readings)
        if fitting:
            setattr(proposal, attribute, fitting[0])
        if not fitting:
            text = f"no usual format reads every value; declare {attribute}s"
            proposal.questions.append(Question(proposal.entity, text))
        elif len({tuple(map(str, values)) for values in readings.values()}) > 1:
            text = (
                f"{' and '.join(fitting)} read the values differently; {fitting[0]} is "
                f"written down, correct {attribute}s if it is the other"
            )
            proposal.questions.append(Question(proposal.entity, text))


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
