"""Which suite guards which landed entity and which published table; total by construction.

Belongs here: the rules every subject has (volume, keys) and the look-up of its own
rules in `expectations.suites`. Stays out: reading data: the caller passes plain facts.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from expectations.suite import (
    Rule,
    Suite,
    between,
    in_set,
    not_null,
    row_count,
    unique,
)
from expectations.suites import (
    marts,
    raw_files,
    raw_google_ads,
    raw_hubspot,
    raw_meta_ads,
    raw_stripe,
)

if TYPE_CHECKING:
    import datetime as dt

_RAW_RULES: Final[dict[str, dict[str, tuple[Rule, ...]]]] = {
    "hubspot": raw_hubspot.RULES,
    "stripe": raw_stripe.RULES,
    "google_ads": raw_google_ads.RULES,
    "meta_ads": raw_meta_ads.RULES,
    "files": raw_files.RULES,
}

MIN_LOADS_FOR_VOLUME: Final = 3
"""Loads of the same kind needed before volume is judged: with fewer there is no usual."""

MIN_USUAL_ROWS: Final = 20
"""Below this median a halving is noise: 14 loads of a Poisson(20) fall under 10 in about
1 % of nights, of a Poisson(8) in about 4 %."""


@dataclass(frozen=True)
class LandedBatch:
    """What a raw suite needs to know of a landed batch.

    `version_column` orders the states of a mutable record; '' = a record has one state.
    `usual_row_counts` are the row counts of earlier promoted loads this one may be compared
    with, oldest first; `least_share` of their median must be there. `allowed_drop` is True
    when a person accepted a drop.
    """

    kind: str
    entity: str
    key: tuple[str, ...]
    version_column: str = ""
    closed_values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    usual_row_counts: tuple[int, ...] = ()
    least_share: float = 0.5
    allowed_drop: bool = False

    @property
    def subject(self) -> str:
        """Return `<kind>.<entity>`, the first part of every rule id."""
        return f"{self.kind}.{self.entity}"


def raw_suite(batch: LandedBatch) -> Suite:
    """Return the suite of one landed batch: volume, keys, values, own rules."""
    own = _RAW_RULES[batch.kind].get(batch.entity, ())
    stated = {(rule.kind, rule.columns) for rule in own}
    key_rules = [not_null(column, "key parts are never NULL") for column in batch.key]
    value_rules = [
        in_set(column, values, "closed list of the entity contract")
        for column, values in batch.closed_values.items()
    ]
    general = [
        rule
        for rule in (*key_rules, *value_rules)
        if (rule.kind, rule.columns) not in stated
    ]
    return Suite(
        name=f"raw_{batch.kind}_{batch.entity}",
        subject=batch.subject,
        rules=(
            _volume(batch),
            *general,
            unique(
                ("source_account", *batch.key, *_version(batch)),
                "one row per key, account and version: a record changed while it is read "
                "may come in both states, and staging takes the newer",
            ),
            *own,
        ),
    )


def _version(batch: LandedBatch) -> tuple[str, ...]:
    """Return the column that tells states of one record apart; keys may hold it already."""
    column = batch.version_column
    return (column,) if column and column not in batch.key else ()


def _volume(batch: LandedBatch) -> Rule:
    """Return the row-count rule: a share of what is usual, when there is a usual."""
    counts = batch.usual_row_counts
    if batch.allowed_drop:
        return row_count(0, None, "a drop of this stream was acknowledged")
    if len(counts) < MIN_LOADS_FOR_VOLUME:
        return row_count(
            0, None, f"only {len(counts)} earlier loads: no usual volume yet"
        )
    usual = statistics.median(counts)
    if usual < MIN_USUAL_ROWS:
        return row_count(
            0, None, f"usual volume {usual:g} is too small to judge a drop"
        )
    share = f"{batch.least_share:.0%}" if batch.least_share else "something"
    return row_count(
        max(1, math.ceil(usual * batch.least_share)),
        None,
        f"at least {share} of the median {usual:g} of {len(counts)} comparable loads",
    )


@dataclass(frozen=True)
class PublishedTable:
    """What a mart suite needs to know of a published table."""

    name: str
    theme: str
    key: tuple[str, ...]
    may_be_empty: bool = False


@dataclass(frozen=True)
class MartSuite:
    """A suite and the aggregates it judges.

    `measures` maps a column of the one-row frame to the SQL aggregate that fills it, so that
    a table of any size is judged on one row.
    """

    suite: Suite
    theme: str
    table: str
    measures: dict[str, str]

    def query(self, relation: str) -> str:
        """Return the one-row SQL over the relation."""
        columns = ", ".join(f"{sql} as {name}" for name, sql in self.measures.items())
        return f"select {columns} from {relation}"  # noqa: S608 - both parts are ours


def mart_suite(table: PublishedTable, *, as_of_date: dt.date) -> MartSuite:
    """Return the suite of one published table: rows, key, then the table's own measures."""
    key = ", ".join(f'"{column}"' for column in table.key)
    nulls = " or ".join(f'"{column}" is null' for column in table.key)
    measures = {
        "rows_total": "count(*)",
        "rows_with_null_key": f"count(*) filter (where {nulls})",
        "rows_repeating_a_key": f"count(*) - count(distinct ({key}))",
    }
    rules = [
        row_count(1, 1, "the aggregate query answered"),
        between(
            "rows_total",
            0 if table.may_be_empty else 1,
            None,
            "a published table has rows",
        ),
        between("rows_with_null_key", 0, 0, "key parts are never NULL"),
        between("rows_repeating_a_key", 0, 0, f"one row per {', '.join(table.key)}"),
    ]
    for own in marts.MEASURES.get(table.name, ()):
        measures[own.name] = own.sql.format(as_of=as_of_date.isoformat())
        rules.append(between(own.name, own.low, own.high, own.why))
    return MartSuite(
        suite=Suite(f"mart_{table.name}", table.name, tuple(rules)),
        theme=table.theme,
        table=table.name,
        measures=measures,
    )
