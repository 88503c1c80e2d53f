"""Exports that change their columns, and names that are one name: nothing turns NULL in silence.

What people rely on is judged against the last load that was let through, as a night does it.
"""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ingest.landing import read_landed
from orchestration.gates import judge_batch
from orchestration.members import LandedRows, find_unmatched
from tests.files.landing import AS_OF, Drop, Landed
from tests.files.test_proof import promote

if TYPE_CHECKING:
    from pathlib import Path

NEXT_DAY = AS_OF + timedelta(days=1)
MAPPED = {
    "columns": {
        "month": "Tháng",
        "cost_type": "Loại",
        "channel": "Kênh",
        "product_id": "Mã hàng",
        "amount": "Số tiền",
        "currency": "Tiền tệ",
    }
}


def costs(month: str, headers: str, cells: str = "") -> str:
    rows = [f"2026-{month}-01,tool,kênh {n},P{n},{n},USD{cells}" for n in range(1, 21)]
    return "\n".join([headers, *rows]) + "\n"


CANONICAL = "month,cost_type,channel,product_id,amount,currency"
VIETNAMESE = "Tháng,Loại,Kênh,Mã hàng,Số tiền,Tiền tệ"


def second_load(
    tmp_path: Path, first: str, second: str, **declared: Any
) -> tuple[Drop, Landed, str]:
    """Load one file, then another; return what the gate says of the second, '' = nothing."""
    drop = Drop(tmp_path, "costs", {"files": "c*.csv", **declared})
    drop.write("c1.csv", first)
    promote(drop, drop.land())
    drop.write("c2.csv", second)
    landed = drop.land(NEXT_DAY)
    path = landed.manifest.stream_path
    batch = read_landed(drop.root, path, landed.manifest.load_date)
    assert batch is not None
    verdict = judge_batch(batch, root=drop.root, as_of=NEXT_DAY)
    return drop, landed, "" if verdict.passed else verdict.describe()


def test_a_column_more_is_told_and_changes_no_value(tmp_path: Path) -> None:
    _, landed, red = second_load(
        tmp_path, costs("10", CANONICAL), costs("10", f"{CANONICAL},note", ",x")
    )
    assert red == ""
    assert landed.manifest.unknown_fields == ("note",)
    plain = Drop(tmp_path / "plain", "costs", {"files": "c*.csv"})
    plain.write("c1.csv", costs("10", CANONICAL))
    assert landed.values == plain.land().values


def test_a_column_less_is_held_not_null(tmp_path: Path) -> None:
    """Tempting: headers are the canonical names, so what is absent is simply blank."""
    without = "\n".join(
        ",".join((*cells[:2], *cells[3:]))
        for cells in (line.split(",") for line in costs("11", CANONICAL).splitlines())
    )
    _, _, red = second_load(tmp_path, costs("10", CANONICAL), without + "\n")
    assert "channel" in red


def test_a_column_renamed_is_held_naming_both(tmp_path: Path) -> None:
    renamed = costs("10", CANONICAL.replace("channel", "channels"))
    _, _, red = second_load(tmp_path, costs("10", CANONICAL), renamed)
    assert "'channel'" in red
    assert "'channels'" in red


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            "Tháng,Loại,Kênh bán,Mã hàng,Số tiền,Tiền tệ",
            "has no header 'Kênh' (for channel); did you mean 'Kênh bán'?",
        ),
        (
            "Tháng,Loại,Nguồn,Mã hàng,Số tiền,Tiền tệ",
            "has no header 'Kênh' (for channel)",
        ),
    ],
)
def test_a_mapped_column_that_is_gone_or_renamed_is_refused_by_name(
    tmp_path: Path, headers: str, message: str
) -> None:
    drop = Drop(tmp_path, "costs", {"files": "c*.csv", **MAPPED})
    drop.write("c1.csv", costs("10", VIETNAMESE))
    promote(drop, drop.land())
    drop.write("c2.csv", costs("11", headers))
    assert message in drop.refusal()


@pytest.mark.parametrize(
    "spelling",
    [
        unicodedata.normalize("NFD", "Gói Nguyễn"),
        "  Gói Nguyễn\u00a0",
        "\ufeffGói Nguyễn",
    ],
)
def test_a_name_in_other_letters_is_the_same_member(
    tmp_path: Path, spelling: str
) -> None:
    products = Drop(tmp_path / "products", "products", {"files": "p.csv"})
    products.write("p.csv", "product_id,product_name\nGói Nguyễn,Gói Nguyễn\n")
    deals = Drop(tmp_path / "deals", "opportunities", {"files": "d.csv"})
    deals.write(
        "d.csv",
        "opportunity_id,created_at,stage,status,product_id,amount,currency\n"
        f"D1,2026-10-01,Won,won,{spelling},5,VND\n",
    )
    rows = []
    for drop in (products, deals):
        manifest = drop.land().manifest
        batch = read_landed(drop.root, manifest.stream_path, manifest.load_date)
        assert batch is not None
        rows.append(LandedRows(manifest.stream, manifest.entity, (batch.parquet,)))
    assert find_unmatched(rows, None) == []


def test_two_people_of_one_address_are_two_and_two_accounts_of_one_id_too(
    tmp_path: Path,
) -> None:
    leads = Drop(tmp_path / "leads", "leads", {"files": "l.csv"})
    leads.write(
        "l.csv",
        "lead_id,created_at,source,email\nL1,2026-10-01,web,a@b.test\n"
        "L2,2026-10-01,web,A@B.test \n",
    )
    assert [row["lead_id"] for row in leads.land().values] == ["L1", "L2"]

    ads = Drop(tmp_path / "ads", "ad_performance_daily", {"files": "a.csv"})
    ads.write(
        "a.csv",
        "platform,ad_account_id,campaign_id,date,spend,currency,impressions,clicks\n"
        "google,1,7,2026-10-01,5.00,VND,10,1\ngoogle,2,7,2026-10-01,7.00,VND,10,1\n",
    )
    landed = ads.land()
    assert [row["spend"] for row in landed.values] == [5, 7]
    assert landed.manifest.absorbed == {}
