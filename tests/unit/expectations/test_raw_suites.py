"""Every raw rule is seen green on a good frame and red when one cell is broken."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from expectations.catalogue import LandedBatch, raw_suite
from expectations.gate import run_gate
from ingest.contracts import CONTRACTS
from ingest.entities import EntityContract, Type

if TYPE_CHECKING:
    from expectations.suite import Rule, Suite

AS_OF = dt.date(2026, 10, 31)
ROWS = 24
ENTITIES = [
    pytest.param(contract, id=f"{kind}.{name}")
    for kind, contracts in CONTRACTS.items()
    for name, contract in contracts.items()
]


def batch_of(contract: EntityContract, **more: Any) -> LandedBatch:
    facts: dict[str, Any] = {
        "kind": contract.kind,
        "entity": contract.name,
        "key": contract.key,
        "closed_values": {c.name: c.values for c in contract.columns if c.values},
        "usual_row_counts": (ROWS, ROWS, ROWS),
    }
    return LandedBatch(**{**facts, **more})


def good_frame(contract: EntityContract, suite: Suite) -> pd.DataFrame:
    """Return ROWS rows that keep every rule: distinct keys, values inside their bounds."""
    bounds = {rule.columns[0]: rule for rule in suite.rules if rule.kind == "between"}
    allowed = {
        rule.columns[0]: rule.params["value_set"]
        for rule in suite.rules
        if rule.kind == "in_set"
    }
    money = {rule.columns[0] for rule in suite.rules if rule.kind == "matches"}
    columns: dict[str, list[Any]] = {
        "source_account": ["a"] * ROWS,
        "legal_entity": ["x"] * ROWS,
    }
    for column in contract.columns:
        values: list[Any]
        if column.name in allowed:
            values = [allowed[column.name][0]] * ROWS
        elif column.name in money:
            values = ["VND"] * ROWS
        elif column.type in (Type.DATE, Type.INSTANT):
            days = [AS_OF - dt.timedelta(days=index) for index in range(ROWS)]
            values = [pd.Timestamp(day) for day in days]
        elif column.type is Type.TEXT:
            values = [f"{column.name}-{index}" for index in range(ROWS)]
        elif column.type is Type.BOOLEAN:
            values = [True] * ROWS
        else:
            rule = bounds.get(column.name)
            low = rule.params["min_value"] if rule else 0
            values = [Decimal(low or 0)] * ROWS
        columns[column.name] = values
    # Arrow hands cells that may be NULL over as objects.
    return pd.DataFrame(columns).astype(
        {c.name: object for c in contract.columns if c.type is Type.BOOLEAN}
    )


def broken_frame(frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Return the frame with one cell (or the rows a table rule is about) broken."""
    broken = frame.copy()
    if rule.kind == "row_count":
        return broken.iloc[: rule.params["min_value"] - 1]
    if rule.kind == "unique":
        for column in rule.columns:
            broken.loc[0, column] = broken.loc[1, column]
        return broken
    column = rule.columns[0]
    if rule.kind == "between":
        high, low = rule.params["max_value"], rule.params["min_value"]
        wrong: Any = Decimal(low) - 1 if low is not None else Decimal(high) + 1
    else:
        wrong = {"not_null": None, "in_set": "no such value", "matches": "dong"}[
            rule.kind
        ]
    broken.loc[0, column] = wrong
    return broken


def red_ids(suite: Suite, frame: pd.DataFrame) -> set[str]:
    return {rule.rule_id for rule in run_gate(suite, frame).failed}


@pytest.mark.parametrize("contract", ENTITIES)
def test_each_rule_goes_red_on_one_broken_cell_and_only_that_rule(
    contract: EntityContract,
) -> None:
    suite = raw_suite(batch_of(contract))
    frame = good_frame(contract, suite)
    assert red_ids(suite, frame) == set()
    for rule in suite.rules:
        red = red_ids(suite, broken_frame(frame, rule))
        assert rule.id_on(suite.subject) in red
        # A cell may break a second statement about itself (a NULL key repeats nothing, but a
        # repeated key column of a two-part key may); no other column may turn red.
        others = {
            other.id_on(suite.subject)
            for other in suite.rules
            if set(other.columns) & set(rule.columns) or rule.kind == "row_count"
        }
        assert red <= others | {rule.id_on(suite.subject)}


def test_a_halved_volume_is_red_and_an_acknowledged_one_is_not() -> None:
    contract = CONTRACTS["hubspot"]["deals"]
    usual = {"usual_row_counts": (100, 104, 96)}
    suite = raw_suite(batch_of(contract, **usual))
    assert suite.rules[0].params["min_value"] == 50
    acknowledged = raw_suite(batch_of(contract, **usual, allowed_drop=True))
    assert acknowledged.rules[0].params["min_value"] == 0


def test_volume_is_not_judged_before_there_is_a_usual() -> None:
    contract = CONTRACTS["hubspot"]["deals"]
    suite = raw_suite(batch_of(contract, usual_row_counts=(1000, 1000)))
    assert suite.rules[0].params["min_value"] == 0
