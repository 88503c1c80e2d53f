"""A company of three files, from the first night to a mapping that comes late.

Words that name nobody stand in every total and are told; mapped afterwards, the files loaded
before are read again by the command that `status` names. Run as a user runs it.
"""

from __future__ import annotations

import shlex
from datetime import date
from typing import TYPE_CHECKING

import pytest

from tests.pipeline.conftest import Warehouse

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

pytestmark = pytest.mark.long

CONFIG = """\
company:
  name: Ánh Dương
  reporting_currency: VND
  presentation_currencies: [VND]
  timezone: Asia/Ho_Chi_Minh
sources:
  - name: drop
    kind: files
    path: ./drop
    legal_entity: anh_duong
    settle_seconds: 0
    datasets:
      products: {files: products.csv, mode: replace}
      users: {files: users.csv, mode: replace}
      opportunities:
        files: "deals*.csv"
        constants: {currency: VND}
"""
MAPPED = CONFIG.replace(
    "    datasets:",
    "    values:\n"
    "      product_id: {GTXPro: GTX Pro}\n"
    "      owner_id: {Tran Thi Hoa: NV1}\n"
    "    datasets:",
)
PRODUCTS = "product_id,product_name\nGTX Pro,GTX Pro\nMG Special,MG Special\n"
USERS = "user_id,valid_from,user_name,role\nNV1,2026-01-01,Trần Thị Hoa,rep\n"
HEAD = "opportunity_id,created_at,stage,status,closed_at,amount,product_id,owner_id\n"
FIRST = HEAD + (
    "D1,2026-10-01,Won,won,2026-10-05,1000000,GTX Pro,NV1\n"
    "D2,2026-10-01,Won,won,2026-10-06,500000,GTXPro,NV1\n"
    "D3,2026-10-02,Won,won,2026-10-07,300000,MG Special,Tran Thi Hoa\n"
)
SECOND = HEAD + "D4,2026-10-10,Won,won,2026-10-20,70000,GTXPro,NV1\n"
TOLD = "before the mapping in warehouse.yml was changed, stand as they were read then"
FIRST_NIGHT, SECOND_NIGHT = date(2026, 10, 29), date(2026, 10, 30)


def bookings(warehouse: Warehouse, breakdown: str) -> dict[str, Decimal]:
    rows = warehouse.query(
        "select member_id, value from rpt_kpi_values where kpi_key = 'sales_bookings'"
        " and variant = 'standard' and basis = 'current' and grain = 'month'"
        " and period_start_date = date '2026-10-01' and currency = 'VND'"
        f" and breakdown = '{breakdown}' and value <> 0"
    )
    return dict(rows)


def test_words_that_name_nobody_count_are_told_and_mapped_later(tmp_path: Path) -> None:
    drop, config = tmp_path / "drop", tmp_path / "warehouse.yml"
    drop.mkdir()
    for name, text in (("products", PRODUCTS), ("users", USERS), ("deals_1", FIRST)):
        (drop / f"{name}.csv").write_text(text, encoding="utf-8")
    config.write_text(CONFIG, encoding="utf-8")
    warehouse = Warehouse(tmp_path / "root")
    with_config = ("--config", str(config))

    said = warehouse.night(FIRST_NIGHT, *with_config)

    # 1,000,000 + 500,000 + 300,000. A product nobody lists stands by the word of the file; a
    # person nobody lists is (unknown), so that a misspelt name never looks like one more rep.
    assert bookings(warehouse, "total") == {"(total)": 1_800_000}
    assert bookings(warehouse, "product") == {
        "GTX Pro": 1_000_000,
        "GTXPro": 500_000,
        "MG Special": 300_000,
    }
    assert bookings(warehouse, "rep") == {"NV1": 1_500_000, "(unknown)": 300_000}
    assert (
        "product_id 'GTXPro' is no known member of products (1 row, 500,000.00 VND); did you "
        "mean 'GTX Pro'?" in said
    )
    assert (
        "owner_id 'Tran Thi Hoa' is no known member of users (1 row, 300,000.00 VND); did you "
        "mean 'NV1'?" in said
    )

    config.write_text(MAPPED, encoding="utf-8")
    (drop / "deals_2.csv").write_text(SECOND, encoding="utf-8")
    before = (warehouse.root / "state" / "ledger.jsonl").read_bytes()
    build = warehouse.current
    shown = warehouse.run("files", "check", "--figures", *with_config).stdout

    # 1,800,000 + 70,000
    assert "sales_bookings" in shown
    assert "1,870,000" in shown
    assert TOLD in shown
    assert (warehouse.root / "state" / "ledger.jsonl").read_bytes() == before
    assert warehouse.current == build

    said = warehouse.night(SECOND_NIGHT, *with_config)

    # The new file is read by today's words, the one of the first night as it was.
    assert bookings(warehouse, "total") == {"(total)": 1_870_000}
    assert bookings(warehouse, "product")["GTXPro"] == 500_000
    assert "did you mean" not in said
    command = "warehouse backfill --from 2026-10-29 --to 2026-10-29 --source drop"
    assert f"{TOLD}: {command}" in said

    done = warehouse.run(*shlex.split(command)[1:], *with_config)

    assert bookings(warehouse, "total") == {"(total)": 1_870_000}
    assert bookings(warehouse, "product") == {
        "GTX Pro": 1_570_000,
        "MG Special": 300_000,
    }
    assert bookings(warehouse, "rep") == {"NV1": 1_870_000}
    assert warehouse.manifest()["as_of_date"] == SECOND_NIGHT.isoformat()
    assert TOLD not in done.stdout + done.stderr
