"""The engine's exact division against whole numbers in Python.

Belongs here: digits of `divide_exactly`. Stays out: what is divided (the models' own tests).
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros" / "money.sql"
MILLION = 10**6
PAIRS = 20_000


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    """An engine that has the functions a run creates."""
    text = MACROS.read_text("utf-8")
    body = text.split("{% macro create_functions() %}")[1].split("{% endmacro %}")[0]
    connection = duckdb.connect()
    connection.execute(body.replace("{{ target.schema }}", "main"))
    return connection


def rounded_quotient(top: int, bottom: int) -> int | None:
    """Divide millionths by millionths to millionths, half away from zero."""
    if bottom == 0:
        return None
    size = (2 * abs(top) * MILLION + abs(bottom)) // (2 * abs(bottom))
    return size if (top < 0) == (bottom < 0) else -size


def decimal(millionths: int) -> str:
    sign = "-" if millionths < 0 else ""
    whole, rest = divmod(abs(millionths), MILLION)
    return f"{sign}{whole}.{rest:06d}"


def random_pairs() -> list[tuple[int, int]]:
    chance = random.Random(7)  # noqa: S311 - seeded on purpose
    pairs = []
    for _ in range(PAIRS):
        top = chance.randrange(
            -(10 ** chance.randint(1, 22)), 10 ** chance.randint(1, 22)
        )
        bottom = chance.randrange(10 ** chance.randint(1, 16)) - chance.choice(
            [0, 10**5]
        )
        if chance.random() < 0.5:
            top -= top % MILLION
            bottom -= bottom % MILLION
        pairs.append((top, bottom))
    return pairs


def pairs_at_halves() -> list[tuple[int, int]]:
    """Quotients at a half of the last digit and as near to it as their size allows."""
    chance = random.Random(8)  # noqa: S311 - seeded on purpose
    pairs = []
    for _ in range(PAIRS):
        bottom = 2 * MILLION * chance.randrange(1, 10 ** chance.randint(1, 9))
        half = 2 * chance.randrange(10 ** chance.randint(1, 15)) + 1
        top = bottom // (2 * MILLION) * half + chance.choice([-1, 0, 0, 1])
        pairs.append((chance.choice([-1, 1]) * top, bottom))
    return pairs


@pytest.mark.parametrize("pairs", [random_pairs, pairs_at_halves])
def test_every_digit_is_that_of_whole_numbers(
    engine: duckdb.DuckDBPyConnection, pairs: Callable[[], list[tuple[int, int]]]
) -> None:
    asked = pairs()
    engine.execute("create or replace table pairs (top varchar, bottom varchar)")
    tops = [decimal(top) for top, _ in asked]
    bottoms = [decimal(bottom) for _, bottom in asked]
    engine.execute("insert into pairs select unnest(?), unnest(?)", [tops, bottoms])
    found = engine.execute(
        "select divide_exactly(top::decimal(38, 6), bottom::decimal(38, 6))::varchar from pairs"
    ).fetchall()
    told = [
        None if q is None else decimal(q) for q in (rounded_quotient(*p) for p in asked)
    ]
    wrong = [
        (pair, said, true)
        for pair, (said,), true in zip(asked, found, told, strict=True)
        if said != true and (said, true) != ("0.000000", "-0.000000")
    ]
    assert wrong == []


def test_nothing_divides_to_nothing(engine: duckdb.DuckDBPyConnection) -> None:
    asked = "divide_exactly(1, 0), divide_exactly(null, 2), divide_exactly(2, null)"
    assert engine.execute(f"select {asked}").fetchone() == (None, None, None)
