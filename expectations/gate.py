"""Run one suite on one pandas frame with Great Expectations.

Belongs here: the only code that knows Great Expectations. Stays out: databases, files, which
rules apply. Great Expectations is imported on first use: the import costs 2.5-4 s and 200 MB,
which nothing but a gate should pay.

Traps met and handled (great-expectations 1.24): an empty frame passes every column rule, so
`Suite` demands a row-count rule first; results come back in any order, so they are matched by
rule id; a missing column comes back as a failed result with an exception, which is reported as
`error`, apart from bad data; failing values are part of the result, so only counts are kept.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from expectations.results import GateResult, RuleResult

if TYPE_CHECKING:
    import pandas as pd

    from expectations.suite import Rule, Suite

_NEVER_USED: Final = ("scipy.stats", "altair")
"""What its expectations on distributions import, a third of its start; no rule is of those."""


@functools.cache
def _great_expectations() -> tuple[Any, Any]:
    """Return the module and what makes a batch of a frame, once for this process.

    A source of its own for every frame costs a quarter of judging it: the library writes its
    whole configuration as YAML at each of four steps.
    """
    # Both cost seconds; only gates pay for them.
    for name in _NEVER_USED:
        sys.modules.setdefault(name, _LoadedWhenUsed(name))
    import great_expectations as gx  # noqa: PLC0415 - seconds; only who gates pays
    from great_expectations.data_context.types.base import (  # noqa: PLC0415 - seconds; only who gates pays
        ProgressBarsConfig,
    )

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(
        globally=False, metric_calculations=False
    )
    asset = context.data_sources.add_pandas(name="gate").add_dataframe_asset(
        name="frame"
    )
    return gx, asset.add_batch_definition_whole_dataframe("whole")


class _LoadedWhenUsed(ModuleType):
    """Stands for a module until somebody asks for something in it.

    `importlib.util.LazyLoader` would load it at the second import (Python 3.11 looks at its
    `__spec__` then), which is what the library does.
    """

    def __getattr__(self, name: str) -> object:
        """Import the real module and hand over to it."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def run_gate(suite: Suite, frame: pd.DataFrame) -> GateResult:
    """Judge every rule of the suite on the frame.

    Returns one result per rule, in the suite's order. Nothing raises for bad data; a rule
    that cannot be judged (its column is missing) is red with `error` set.
    """
    gx, frames = _great_expectations()
    expectations = [
        _expectation(gx, rule, rule_id=rule.id_on(suite.subject))
        for rule in suite.rules
    ]
    validation = frames.get_batch(batch_parameters={"dataframe": frame}).validate(
        gx.ExpectationSuite(name=suite.name, expectations=expectations),
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    outcomes = {
        outcome.expectation_config.meta["rule_id"]: outcome
        for outcome in validation.results
    }
    rules = tuple(
        _rule_result(rule, rule.id_on(suite.subject), outcomes) for rule in suite.rules
    )
    return GateResult(
        suite=suite.name, subject=suite.subject, row_count=len(frame), rules=rules
    )


def _expectation(gx: Any, rule: Rule, *, rule_id: str) -> Any:  # noqa: ANN401 - untyped library
    """Return the library's expectation for one rule."""
    names = {
        "row_count": "ExpectTableRowCountToBeBetween",
        "not_null": "ExpectColumnValuesToNotBeNull",
        "in_set": "ExpectColumnValuesToBeInSet",
        "between": "ExpectColumnValuesToBeBetween",
        "matches": "ExpectColumnValuesToMatchRegex",
    }
    meta = {"rule_id": rule_id}
    if rule.kind == "unique":
        if len(rule.columns) == 1:
            return gx.expectations.ExpectColumnValuesToBeUnique(
                column=rule.columns[0], meta=meta
            )
        return gx.expectations.ExpectCompoundColumnsToBeUnique(
            column_list=list(rule.columns), meta=meta
        )
    target = {"column": rule.columns[0]} if rule.columns else {}
    return getattr(gx.expectations, names[rule.kind])(
        **target, **rule.params, meta=meta
    )


def _rule_result(rule: Rule, rule_id: str, outcomes: dict[str, Any]) -> RuleResult:
    """Return the plain result of one rule, without any cell value."""
    outcome = outcomes.get(rule_id)
    if outcome is None:
        return RuleResult(
            rule_id, passed=False, why=rule.why, error="rule was not judged"
        )
    details = outcome.result or {}
    observed = details.get("observed_value")
    return RuleResult(
        rule_id,
        passed=bool(outcome.success),
        why=rule.why,
        checked=details.get("element_count"),
        unexpected=details.get("unexpected_count"),
        observed=None if observed is None else str(observed),
        error=_error_text(rule, outcome),
    )


def _error_text(rule: Rule, outcome: Any) -> str | None:  # noqa: ANN401 - untyped library
    """Return why the rule could not be judged, or None when it was.

    Only the exception's class is kept: its message may quote cell values.
    """
    info = outcome.exception_info or {}
    infos = info.values() if "raised_exception" not in info else [info]
    for one in infos:
        if isinstance(one, dict) and one.get("raised_exception"):
            kind = (
                str(one.get("exception_message") or "")
                .split("(", 1)[0]
                .split(":", 1)[0]
            )
            return f"cannot be judged on {'+'.join(rule.columns)} ({kind[:60].strip()})"
    return None
