"""Every column and entity people fill in has a Vietnamese name, and only one."""

from __future__ import annotations

from collections import Counter

from ingest.contracts import CONTRACTS
from ingest.contracts.headers import TITLES, VIETNAMESE

FILES = CONTRACTS["files"]


def test_every_column_and_entity_has_a_vietnamese_name_and_no_other_has() -> None:
    columns = {c.name for contract in FILES.values() for c in contract.columns}
    assert set(VIETNAMESE) == columns | {"legal_entity"}
    assert set(TITLES) == set(FILES)


def test_within_an_entity_no_two_columns_have_one_header() -> None:
    for contract in FILES.values():
        names = Counter(VIETNAMESE[c.name] for c in contract.columns)
        assert not [name for name, count in names.items() if count > 1], contract.name
