"""The rules of a suite as one aggregate query: for batches too large to become a frame.

Belongs here: what counts the rows that break a rule, in SQL, and judging those counts. Stays
out: running the query (the caller has the database), the rules themselves.

A million rows as a frame cost seconds and half a gigabyte, ten million many gigabytes. So a
large batch is measured, and the gate judges the one row of measures; verdicts, counts and
rule ids are those the frame would give (`tests/unit/expectations/test_measures.py` breaks
every rule of every suite and holds both against each other).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from expectations.gate import run_gate
from expectations.results import GateResult
from expectations.suite import Rule, Suite, between, row_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

ROWS: Final = "rows_total"


@dataclass(frozen=True)
class Measured:
    """A suite and the aggregates that stand for its rules on one relation.

    `measures` maps a column of the one-row frame to its SQL. `repeats` maps the column of a
    uniqueness rule to a query of its own: it is asked only if the measure is not 0.
    """

    suite: Suite
    measures: dict[str, str]
    repeats: dict[str, str]

    def query(self, relation: str) -> str:
        """Return the one-row SQL over the relation."""
        columns = ", ".join(f"{sql} as {name}" for name, sql in self.measures.items())
        return f"select {columns} from {relation}"  # noqa: S608 - both parts are ours


def measure(suite: Suite, relation: str) -> Measured:
    """Return the aggregates that count, for every rule of a suite, the rows that break it."""
    measures = {ROWS: "count(*)"}
    repeats: dict[str, str] = {}
    for number, rule in enumerate(suite.rules):
        name = _name(number)
        if rule.kind == "unique":
            keys = ", ".join(f'"{column}"' for column in rule.columns)
            # Equal keys have equal hashes: no repeated hash, no repeated key.
            measures[name] = f"count(*) - count(distinct hash({keys}))"
            repeats[name] = (
                "select coalesce(sum(members), 0) from (select count(*) as members "  # noqa: S608 - our names
                f"from {relation} group by {keys} having count(*) > 1)"
            )
        elif rule.kind != "row_count":
            measures[name] = f"count(*) filter (where {_broken(rule)})"
    return Measured(suite, measures, repeats)


def judge_measures(measured: Measured, counts: Mapping[str, int]) -> GateResult:
    """Judge a suite by its measures."""
    # Loaded with the gate, which costs far more.
    import pandas as pd  # noqa: PLC0415 - seconds; only who gates pays

    suite = measured.suite
    frame: pd.DataFrame = pd.DataFrame([dict(counts)])
    rules = [row_count(1, 1, "the aggregate query answered")]
    for number, rule in enumerate(suite.rules):
        if rule.kind == "row_count":
            bounds = rule.params
            rules.append(
                between(ROWS, bounds["min_value"], bounds["max_value"], rule.why)
            )
        else:
            rules.append(between(_name(number), 0, 0, rule.why))
    judged = run_gate(Suite(suite.name, suite.subject, tuple(rules)), frame)
    total = counts[ROWS]
    results = []
    for number, (rule, result) in enumerate(
        zip(suite.rules, judged.rules[1:], strict=True)
    ):
        is_table = rule.kind == "row_count"
        results.append(
            replace(
                result,
                rule_id=rule.id_on(suite.subject),
                checked=None if is_table else total,
                unexpected=None if is_table else counts[_name(number)],
                observed=str(total) if is_table else None,
            )
        )
    return GateResult(
        suite=suite.name, subject=suite.subject, row_count=total, rules=tuple(results)
    )


def _name(number: int) -> str:
    return f"rule_{number}"


def _broken(rule: Rule) -> str:
    """Return the condition of a row that breaks a rule; NULL breaks only `not_null`."""
    column = f'"{rule.columns[0]}"'
    if rule.kind == "not_null":
        return f"{column} is null"
    if rule.kind == "in_set":
        values = ", ".join(_literal(value) for value in rule.params["value_set"])
        return f"{column} not in ({values})"
    if rule.kind == "matches":
        return f"not regexp_matches({column}, {_literal(rule.params['regex'])})"
    if rule.kind == "between":
        low, high = rule.params["min_value"], rule.params["max_value"]
        bounds = [f"{column} < {_literal(low)}"] if low is not None else []
        bounds += [f"{column} > {_literal(high)}"] if high is not None else []
        return " or ".join(bounds) or "false"
    message = f"no measure stands for a rule of kind {rule.kind}"
    raise ValueError(message)


def _literal(value: Any) -> str:  # noqa: ANN401 - any bound a rule may have
    if isinstance(value, (int, float, Decimal)):
        return format(Decimal(str(value)), "f")
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'"
