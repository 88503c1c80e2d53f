"""The rules and practices of the KPI catalogue: each has its home and a proof that it holds.

`catalogue_rules.csv` is Part B and Part E of the catalogue as data: where the rule stands, words
that must stand there, the tests that prove it (dbt unit tests and singular tests by name), and,
where a rule could be written a second time, what would show it outside its home.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PROJECT: Final = ROOT / "dbt_project"
CODES: Final = (
    "R-ZERO", "R-MONEY", "R-SPLIT", "R-FX", "R-TZ", "R-PARTIAL", "R-CAL", "R-LATE", "R-REFUND",
    "R-TEST", "R-DEL", "R-MERGE", "R-REOPEN", "R-OWNER", "R-ATTR", "R-UNK", "R-ADD", "R-SNAP",
    "R-DEDUP", "R-BASE", "R-SMALL", *(f"P-{number:02}" for number in range(1, 13)),
)  # fmt: skip
"""Every code of Part B and Part E."""


def rules() -> list[dict[str, str]]:
    path = Path(__file__).with_name("catalogue_rules.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def dbt_tests() -> set[str]:
    """Names of the dbt unit tests and of the tests that are a file of their own."""
    named = {path.stem for path in (PROJECT / "tests" / "singular").glob("*.sql")}
    for path in PROJECT.rglob("*unit_tests.yml"):
        named |= set(
            re.findall(r"^  - name: (\w+)", path.read_text("utf-8"), re.MULTILINE)
        )
    return named


def test_every_rule_and_practice_is_listed_once() -> None:
    assert [rule["code"] for rule in rules()] == list(CODES)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["code"])
def test_a_rule_stands_in_its_home(rule: dict[str, str]) -> None:
    for home in rule["homes"].split("|"):
        assert re.search(rule["marker"], (PROJECT / home).read_text("utf-8")), home


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["code"])
def test_a_rule_is_proven(rule: dict[str, str]) -> None:
    of_dbt = dbt_tests()
    for proof in rule["proofs"].split("|"):
        file, _, name = proof.partition("::")
        if not name:
            assert proof in of_dbt
            continue
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), proof


@pytest.mark.parametrize(
    "rule", [r for r in rules() if r["foreign"]], ids=lambda rule: rule["code"]
)
def test_a_rule_stands_nowhere_else(rule: dict[str, str]) -> None:
    """A second home is where the next change of the rule is forgotten."""
    homes = {PROJECT / home for home in rule["homes"].split("|")}
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()}"
        for path in sorted((PROJECT / "models").rglob("*.sql"))
        if path not in homes
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(rule["foreign"], line.partition("--")[0])
    ]
    assert found == []
