"""The rule language of suites: small, declarative, independent of Great Expectations.

Belongs here: `Rule`, `Suite` and one constructor per kind of rule. Stays out: how a rule is
evaluated (`expectations.gate`) and which rules a table has (`expectations.suites`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """One statement about a frame.

    `kind` names the evaluation, `columns` what it looks at (empty = the whole table),
    `params` its bounds, `why` where the bound comes from.
    """

    kind: str
    columns: tuple[str, ...]
    why: str
    params: dict[str, Any] = field(default_factory=dict)

    def id_on(self, subject: str) -> str:
        """Return the rule id `<subject>.<column>.<rule>` used in reports and tests."""
        return ".".join((subject, "+".join(self.columns) or "table", self.kind))


@dataclass(frozen=True)
class Suite:
    """The rules of one subject (landed entity or published table).

    Raises:
        ValueError: the suite does not begin with a row-count rule (an empty frame passes
            every column rule, so that one must be judged first) or repeats a rule id.
    """

    name: str
    subject: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        """Refuse a suite that could pass on nothing."""
        if not self.rules or self.rules[0].kind != "row_count":
            message = f"suite {self.name} must begin with a row-count rule"
            raise ValueError(message)
        ids = [rule.id_on(self.subject) for rule in self.rules]
        if len(set(ids)) != len(ids):
            message = f"suite {self.name} states a rule twice: {ids}"
            raise ValueError(message)


def row_count(low: int, high: int | None, why: str) -> Rule:
    """Rows in the frame lie in [low, high]; high None = no ceiling."""
    return Rule("row_count", (), why, {"min_value": low, "max_value": high})


def not_null(column: str, why: str) -> Rule:
    """No cell of the column is NULL."""
    return Rule("not_null", (column,), why)


def unique(columns: tuple[str, ...], why: str) -> Rule:
    """No two rows share the same values of these columns."""
    return Rule("unique", columns, why)


def in_set(column: str, values: tuple[str, ...], why: str) -> Rule:
    """Every non-NULL cell is one of the values."""
    return Rule("in_set", (column,), why, {"value_set": list(values)})


def between(column: str, low: Any, high: Any, why: str) -> Rule:  # noqa: ANN401 - any ordered type
    """Every non-NULL cell lies in [low, high]; None = open end."""
    return Rule("between", (column,), why, {"min_value": low, "max_value": high})


def matches(column: str, regex: str, why: str) -> Rule:
    """Every non-NULL cell matches the regular expression."""
    return Rule("matches", (column,), why, {"regex": regex})
