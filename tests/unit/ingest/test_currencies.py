"""One truth about currencies in Python and SQL."""

from __future__ import annotations

import csv
from pathlib import Path

from ingest.currencies import EXPONENTS

SEED = Path(__file__).parents[3] / "dbt_project" / "seeds" / "currency_exponents.csv"


def test_exponents_equal_the_seed_sql_uses() -> None:
    with SEED.open(encoding="utf-8", newline="") as lines:
        seed = {row["currency"]: int(row["exponent"]) for row in csv.DictReader(lines)}

    assert seed == EXPONENTS
