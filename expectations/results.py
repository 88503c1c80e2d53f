"""Plain results of a gate: no Great Expectations types and no data values leave the package.

Belongs here: what reports, alerts and the build's page may show. A result holds counts and
rule texts only, so it can be published and mailed without personal data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RuleResult:
    """Outcome of one rule on one frame.

    `rule_id` is `<subject>.<column or table>.<rule>`; `checked` counts rows looked at and
    `unexpected` those that broke the rule (NULL-like None where the rule is about the whole
    table). `observed` is a number or a date the rule was judged by, never a cell's text.
    `error` is set when the rule could not be judged at all (missing column): also red.
    `finding` is the id under which a person may accept what is red; '' = nobody may.
    """

    rule_id: str
    passed: bool
    why: str
    checked: int | None = None
    unexpected: int | None = None
    observed: str | None = None
    error: str | None = None
    finding: str = ""


@dataclass(frozen=True)
class GateResult:
    """Outcome of one suite on one frame; green only if every rule is."""

    suite: str
    subject: str
    row_count: int
    rules: tuple[RuleResult, ...]
    notes: tuple[str, ...] = ()
    """What people should know although nothing is wrong: a new field, a day that is late."""

    @property
    def passed(self) -> bool:
        """True when at least one rule ran and none is red."""
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    @property
    def failed(self) -> tuple[RuleResult, ...]:
        """The red rules, in the suite's order."""
        return tuple(rule for rule in self.rules if not rule.passed)

    def describe(self) -> str:
        """Return one line: what is red and by how much, or that all is green."""
        if self.passed:
            return f"{self.subject}: {len(self.rules)} rules green on {self.row_count} rows"
        parts = [
            f"{rule.rule_id} ({rule.error or _extent(rule)}; {rule.why})"
            for rule in self.failed
        ]
        return (
            f"{self.subject}: {len(parts)} of {len(self.rules)} rules red: "
            + "; ".join(parts)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready content, `passed` included."""
        return {**asdict(self), "passed": self.passed}


def _extent(rule: RuleResult) -> str:
    """Return how far a rule is off: broken rows of checked rows, or the observed figure."""
    if rule.unexpected is not None:
        return f"{rule.unexpected} of {rule.checked} rows"
    return f"observed {rule.observed}"
