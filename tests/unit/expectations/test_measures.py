"""A measured batch gets the verdict its frame would get, rule by rule and count by count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from expectations.catalogue import raw_suite
from expectations.gate import run_gate
from expectations.measures import judge_measures, measure
from expectations.suite import Rule, Suite, row_count
from ingest.contracts import CONTRACTS
from tests.unit.expectations.test_raw_suites import (
    ENTITIES,
    batch_of,
    broken_frame,
    good_frame,
)

if TYPE_CHECKING:
    import pandas as pd

    from expectations.results import GateResult
    from ingest.entities import EntityContract


def judged_by_measures(suite: Suite, frame: pd.DataFrame) -> GateResult:
    with duckdb.connect() as con:
        con.register("batch", frame)
        measured = measure(suite, "batch")
        (row,) = con.execute(measured.query("batch")).fetchall()
        counts = dict(zip(measured.measures, row, strict=True))
        for name, query in measured.repeats.items():
            if counts[name]:
                (counts[name],) = con.execute(query).fetchone() or (0,)
    return judge_measures(measured, counts)


# Each verdict of the library costs a tenth of a second: entities with rules of their own,
# which hold every kind of rule and every bound, tell all there is to tell.
WITH_OWN_RULES = [
    entity
    for entity in ENTITIES
    if any(
        r.kind in ("between", "matches")
        for r in raw_suite(batch_of(entity.values[0])).rules
    )
]


@pytest.mark.parametrize("contract", WITH_OWN_RULES)
def test_every_rule_counts_what_the_frame_counts(contract: EntityContract) -> None:
    suite = raw_suite(batch_of(contract))
    frame = good_frame(contract, suite)
    broken = frame
    for rule in suite.rules:
        if rule.kind != "row_count":
            broken = broken_frame(broken, rule)
    by_frame = run_gate(suite, broken)
    assert judged_by_measures(suite, broken) == by_frame
    assert not by_frame.passed


def test_too_few_rows_and_good_rows_are_judged_alike() -> None:
    suite = raw_suite(batch_of(CONTRACTS["stripe"]["invoices"]))
    good = good_frame(CONTRACTS["stripe"]["invoices"], suite)
    for frame, is_green in ((good, True), (broken_frame(good, suite.rules[0]), False)):
        by_measures = judged_by_measures(suite, frame)
        assert by_measures == run_gate(suite, frame)
        assert by_measures.passed is is_green


def test_a_rule_without_measure_is_refused() -> None:
    unknown = Rule("newer_than", ("a",), "why")
    with pytest.raises(ValueError, match="no measure stands for"):
        measure(Suite("s", "s", (row_count(0, None, "w"), unknown)), "batch")
