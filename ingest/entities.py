"""The shape language of everything that lands: columns, contracts, load columns.

Belongs here: `Column`, `EntityContract`, the load columns every landed row carries, and the
Arrow types they become. Stays out: the contracts themselves (`ingest.contracts`), parsing and
conforming values (`ingest.landing`), plausibility of content (`expectations`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypedDict, Unpack

import pyarrow as pa

MONEY_SCALE: Final = 4
"""Decimal places money is kept with. The finest ISO 4217 currencies have 3 (KWD, BHD …) or,
for a few units of account, 4; unit prices finer than that are rates, not money."""

RATE_SCALE: Final = 16
"""Decimal places of exchange rates. VND to USD is about 0.00003796, so 16 places keep 12
significant digits: 10^11 VND still convert exactly to the cent."""


class Type(StrEnum):
    """Logical type of a contract column; `ARROW` maps it to what lands in Parquet."""

    TEXT = "text"
    INTEGER = "integer"
    MONEY = "money"
    NUMBER = "number"
    RATE = "rate"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"


ARROW: Final[dict[Type, pa.DataType]] = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int64(),
    Type.MONEY: pa.decimal128(38, MONEY_SCALE),
    Type.NUMBER: pa.decimal128(38, 6),
    Type.RATE: pa.decimal128(38, RATE_SCALE),
    Type.BOOLEAN: pa.bool_(),
    Type.DATE: pa.date32(),
    Type.INSTANT: pa.timestamp("us", tz="UTC"),
}


class Pii(StrEnum):
    """Personal-data class of a column; a column without a class counts as direct."""

    NONE = "none"
    INDIRECT = "indirect"
    DIRECT = "direct"
    PAY = "pay"


class Truth(StrEnum):
    """How later loads relate to earlier ones (architecture §2)."""

    MUTABLE = "mutable"
    """Newest version per natural key wins."""
    RESTATED_DAILY = "restated_daily"
    """For each account and day the newest load that covers the day wins as a whole."""
    LEDGER = "ledger"
    """Rows never change: append, deduplicated by key."""


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    `star` = a file must map it or give it as a constant (its value may still be NULL in a
    row). `unit` says what a number counts; money says which column holds its currency.
    """

    name: str
    type: Type
    doc: str
    star: bool = False
    pii: Pii = Pii.NONE
    unit: str = ""
    currency_column: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntityContract:
    """Shape of one entity as it lands.

    Grain: one row per `key` and extract; `grain` says it in words.
    `kind` is the source kind that delivers it: `files` (canonical) or a vendor.
    `version_column` orders versions of a mutable record at the source; '' = load order.
    `date_column` is the business date: the day of a restated fact, else the newest-event
    column freshness is judged by; '' where the entity has none.
    """

    kind: str
    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    truth: Truth = Truth.MUTABLE
    version_column: str = ""
    date_column: str = ""
    _by_name: dict[str, Column] = field(
        init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        """Index columns and refuse a contract that contradicts itself."""
        by_name = {column.name: column for column in self.columns}
        if len(by_name) != len(self.columns):
            message = f"contract {self.kind}.{self.name} names a column twice"
            raise ValueError(message)
        # The one load column a key may use: a ledger file holds several legal entities.
        needed = {*self.key, self.version_column, self.date_column} - {
            "",
            "legal_entity",
        }
        needed |= {c.currency_column for c in self.columns if c.currency_column}
        missing = sorted(needed - set(by_name))
        if missing:
            message = (
                f"contract {self.kind}.{self.name} refers to unknown columns {missing}"
            )
            raise ValueError(message)
        object.__setattr__(self, "_by_name", by_name)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            KeyError: the contract has no such column.
        """
        return self._by_name[name]

    @property
    def money_columns(self) -> tuple[Column, ...]:
        """Columns that are summed per currency for control totals, in contract order."""
        return tuple(column for column in self.columns if column.currency_column)

    def arrow_schema(self) -> pa.Schema:
        """Return the Parquet schema of a landed batch: contract columns, then load columns."""
        fields = [
            pa.field(c.name, ARROW[c.type], nullable=c.name not in self.key)
            for c in self.columns
        ]
        return pa.schema(fields + list(LOAD_FIELDS))


LOAD_FIELDS: Final[tuple[pa.Field, ...]] = (
    pa.field("source_name", pa.string(), nullable=False),
    pa.field("source_account", pa.string(), nullable=False),
    pa.field("legal_entity", pa.string(), nullable=False),
    pa.field("_payload", pa.string()),
    pa.field("_source_ref", pa.string(), nullable=False),
    pa.field("_batch_id", pa.string(), nullable=False),
    pa.field("_load_date", pa.date32(), nullable=False),
    pa.field("_extracted_at", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("_row_hash", pa.string(), nullable=False),
)
"""Columns every landed row carries after those of its contract.

`_payload` is the record as received (JSON text; restricted, never published), `_source_ref`
says where it came from (`<sha256>:<line>` or `<path>#<page>`), `_row_hash` is SHA-256 over the
typed contract values, so an unchanged record is recognised without comparing columns.
"""


class AmountOptions(TypedDict, total=False):
    """What a money column may state; its unit is given by its kind. See `Column`."""

    star: bool
    pii: Pii


class Options(AmountOptions, total=False):
    """What any other column may state beside its name and doc; see `Column`."""

    unit: str
    values: tuple[str, ...]


def text(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return a text column."""
    return Column(name, Type.TEXT, doc, **more)


def integer(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return a whole-number column."""
    return Column(name, Type.INTEGER, doc, **more)


def money(
    name: str, doc: str, *, currency: str = "currency", **more: Unpack[AmountOptions]
) -> Column:
    """Return an exact money column in major units beside its currency column."""
    return Column(
        name, Type.MONEY, doc, unit="major units", currency_column=currency, **more
    )


def minor(
    name: str, doc: str, *, currency: str = "currency", **more: Unpack[AmountOptions]
) -> Column:
    """Return money as the vendor's integer minor units beside its currency column."""
    return Column(
        name, Type.INTEGER, doc, unit="minor units", currency_column=currency, **more
    )


def number(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return an exact decimal that is not money (share, quantity, hours)."""
    return Column(name, Type.NUMBER, doc, **more)


def rate(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return an exchange-rate column."""
    return Column(name, Type.RATE, doc, **more)


def boolean(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return a true/false column; NULL = unknown."""
    return Column(name, Type.BOOLEAN, doc, **more)


def date(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return a date column, in the zone its contract names."""
    return Column(name, Type.DATE, doc, **more)


def instant(name: str, doc: str, **more: Unpack[Options]) -> Column:
    """Return an instant column, UTC."""
    return Column(name, Type.INSTANT, doc, **more)
