"""Shapes `inspect` proposes: shown by every line, or asked, or not said at all."""

from __future__ import annotations

import io
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import yaml
from typer.testing import CliRunner

from orchestration.cli import app
from tests.files.landing import Drop

if TYPE_CHECKING:
    from pathlib import Path

FIXED = """\
month       cost_type  channel       amount  currency
2026-10-01  tool       Tìm kiếm        1000  VND
2026-11-01  agency     Mạng xã hội    25000  VND
2026-12-01  tool       Video             30  VND
"""


def inspect(path: Path, *more: str) -> tuple[dict[str, Any], str]:
    """Return the proposed datasets and what is printed."""
    done = CliRunner().invoke(app, ["files", "inspect", str(path), *more])
    assert done.exit_code == 0, done.output
    _, found, block = done.output.partition("\n    datasets:\n")
    block = block.partition("\n\nNext:")[0]
    # YAML 1.1 takes the key of a lookup, on, for a truth; our own reader does not.
    block = re.sub(r"\bon: ", '"on": ', block)
    return (yaml.safe_load(block) if found else {}), done.output


def landed_as_proposed(tmp_path: Path, name: str, entity: str) -> list[dict[str, Any]]:
    """Land the inspected file by the very block that was proposed."""
    proposed, _ = inspect(tmp_path / "drop" / name)
    return Drop(tmp_path, entity, proposed[entity]).land().values


def drop(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / "drop" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_columns_of_fixed_width_are_cut_where_every_line_is_blank(
    tmp_path: Path,
) -> None:
    path = drop(tmp_path, "costs.txt", FIXED)
    proposed, shown = inspect(path)
    assert proposed["costs"]["fixed_width"] == {
        "month": [1, 10],
        "cost_type": [13, 21],
        "channel": [24, 34],
        "amount": [38, 43],
        "currency": [46, 53],
    }
    assert proposed["costs"]["skip_rows"] == 1
    assert "columns of fixed width" in shown
    rows = landed_as_proposed(tmp_path, "costs.txt", "costs")
    assert [(row["channel"], row["amount"]) for row in rows] == [
        ("Tìm kiếm", 1000),
        ("Mạng xã hội", 25000),
        ("Video", 30),
    ]


@pytest.mark.parametrize(
    "text",
    [
        # A cell that reaches over the gap, a column without a name, one line too few.
        FIXED + "2027-01-01  tool       A very long channel   5  VND\n",
        FIXED.replace("cost_type", "         "),
        "a  b\nc  d\n",
        "name\nHà Nội\nSài Gòn\nĐà Nẵng\n",
    ],
)
def test_no_ruler_is_no_fixed_width(tmp_path: Path, text: str) -> None:
    proposed, shown = inspect(drop(tmp_path, "costs.txt", text), "--as", "costs")
    assert "fixed_width" not in proposed["costs"]
    assert "columns of fixed width" not in shown


def test_rows_quoted_whole_are_known_by_every_line(tmp_path: Path) -> None:
    text = (
        '"month,cost_type,channel,amount,currency"\n'
        '"2026-10-01,tool,""a, b"",5.5,USD"\n'
        '"2026-11-01,tool,c,7.5,USD"\n'
    )
    path = drop(tmp_path, "costs.csv", text)
    proposed, shown = inspect(path)
    assert proposed["costs"]["rows_quoted"] is True
    assert "whole rows in quotes" in shown
    rows = landed_as_proposed(tmp_path, "costs.csv", "costs")
    assert [(row["channel"], row["amount"]) for row in rows] == [
        ("a, b", Decimal("5.5")),
        ("c", Decimal("7.5")),
    ]


def test_one_quoted_column_is_no_row(tmp_path: Path) -> None:
    path = drop(tmp_path, "costs.csv", '"month"\n"2026-10-01, or so"\n"2026-11-01"\n')
    proposed, _ = inspect(path, "--as", "costs")
    assert "rows_quoted" not in proposed["costs"]


def grouped(*rows: list[object], merged: tuple[str, ...]) -> bytes:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    for row in rows:
        page.append(row)
    for span in merged:
        page.merge_cells(span)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_merged_cells_over_groups_of_columns_are_part_of_the_header(
    tmp_path: Path,
) -> None:
    content = grouped(
        ["Báo cáo chi phí"],
        ["month", "Loại", None, "Tiền", None],
        [None, "cost_type", "channel", "amount", "currency"],
        ["2026-10-01", "tool", "search", 5, "USD"],
        merged=("A1:E1", "B2:C2", "D2:E2"),
    )
    proposed, shown = inspect(drop(tmp_path, "costs.xlsx", content), "--as", "costs")
    assert (proposed["costs"]["skip_rows"], proposed["costs"]["header_rows"]) == (1, 2)
    assert "header        in lines 2 to 3, the 1 above it are left out" in shown
    assert "Tiền / amount" in shown


def test_a_record_below_a_wide_name_is_no_header(tmp_path: Path) -> None:
    """Tempting: every merged cell makes a header of two rows, and the first record is gone."""
    content = grouped(
        ["month", "cost_type", None, "channel", None, "amount"],
        ["2026-10-01", "tool", "x", "search", "y", 5],
        ["2026-11-01", "tool", "x", "search", "y", 6],
        merged=("B1:C1", "D1:E1"),
    )
    proposed, shown = inspect(drop(tmp_path, "costs.xlsx", content), "--as", "costs")
    assert "header_rows" not in proposed.get("costs", {})
    assert "lines 1 to 2" not in shown


def test_a_line_of_groups_above_a_text_is_asked_about(tmp_path: Path) -> None:
    text = (
        "Kỳ,,Tiền,,\nmonth,cost_type,amount,currency,x\n2026-10-01,tool,5,USD,1\n"
        "2026-11-01,tool,5,USD,1\n"
    )
    _, shown = inspect(drop(tmp_path, "costs.csv", text))
    assert (
        "line 1 holds words over these columns: if it is a part of the header, declare "
        "skip_rows: 0 and header_rows: 2" in shown
    )


STATS = "customer_id,date,clicks,cost_micros,id,impressions{more}\n"


def ads(tmp_path: Path, resource: str, header: str = "base") -> tuple[Any, str]:
    text = STATS.format(more=f",{header}") + (
        f"2121450128,2026-10-01,5,36150000,{{0}},166,{resource}\n"
        f"2121450128,2026-10-02,5,36150000,{{1}},166,{resource.replace('41', '42')}\n"
    ).format(41, 42)
    return inspect(drop(tmp_path, "google_ads_campaign_stats.csv", text))


@pytest.mark.parametrize(
    ("resource", "column"),
    [
        ("customers/7/campaigns/41", "campaign_id"),
        ("customers/7/adGroups/41", "ad_group_id"),
    ],
)
def test_an_id_is_whose_the_resource_names_beside_it_say(
    tmp_path: Path, resource: str, column: str
) -> None:
    proposed, shown = ads(tmp_path, resource)
    assert proposed["ad_performance_daily"]["columns"][column] == "id"
    assert f'{column}: "id"  # guessed: check' in shown


@pytest.mark.parametrize("resource", ["", "SEARCH", "customers/7/campaigns/7"])
def test_an_id_nothing_proves_is_asked_about_and_stops_the_night(
    tmp_path: Path, resource: str
) -> None:
    proposed, shown = ads(tmp_path, resource)
    columns = proposed["ad_performance_daily"]["columns"]
    assert {columns[c] for c in ("campaign_id", "ad_group_id", "ad_id")} == {"?"}
    assert (
        "whose id does 'id' hold: campaign_id or ad_group_id or ad_id? Name one, drop the rest"
        in shown
    )


def test_the_history_of_campaigns_is_one_of_campaigns(tmp_path: Path) -> None:
    """Its `id`, status and dates made it a list of subscriptions."""
    text = (
        "id,updated_at,name,customer_id,status,start_date\n"
        "9935249409,2026-01-01,Tết,1,PAUSED,2026-01-01\n"
    )
    proposed, _ = inspect(drop(tmp_path, "google_ads_campaign_history.csv", text))
    assert proposed["campaigns"]["columns"]["campaign_id"] == "id"


def test_of_a_list_with_its_past_the_newest_line_counts(tmp_path: Path) -> None:
    """Campaign 7 was renamed; the older line stands below, so the last one would be wrong."""
    drop(
        tmp_path,
        "google_campaign_history.csv",
        "id,name,updated_at\n"
        "7,Autumn,2026-09-02 08:00:00\n"
        "7,Fall,2026-09-01 08:00:00\n"
        "8,Winter,2026-09-01 08:00:00\n",
    )
    entity = "campaigns"
    landed = landed_as_proposed(tmp_path, "google_campaign_history.csv", entity)
    assert [row["campaign_name"] for row in landed] == ["Autumn", "Winter"]


def test_a_file_that_holds_every_code_may_be_looked_up(tmp_path: Path) -> None:
    drop(
        tmp_path,
        "google_ads_campaign_stats.csv",
        "customer_id,date,clicks,spend,impressions,campaign_id\n"
        "2121450128,2026-10-01,5,3.5,166,4711\n2121450129,2026-10-01,5,3.5,166,4712\n",
    )
    drop(
        tmp_path,
        "google_ads_account_history.csv",
        "id,updated_at,currency_code\n2121450128,2026-01-01,USD\n2121450129,2026-01-01,VND\n",
    )
    proposed, _ = inspect(tmp_path / "drop")
    assert proposed["ad_performance_daily"]["lookup"] == {
        "currency": {
            "file": "google_ads_account_history.csv",
            "on": {"customer_id": "id"},
            "take": "currency_code",
        }
    }
    assert proposed["ad_performance_daily"]["constants"] == {"platform": "google"}
    entity = "ad_performance_daily"
    landed = Drop(tmp_path, entity, proposed[entity]).land().values
    assert [row["currency"] for row in landed] == ["USD", "VND"]
    # One code it does not hold, and nothing is said.
    drop(
        tmp_path,
        "google_ads_account_history.csv",
        "id,updated_at,currency_code\n2121450128,2026-01-01,USD\n",
    )
    proposed, _ = inspect(tmp_path / "drop")
    assert "lookup" not in proposed["ad_performance_daily"]


def test_a_file_that_holds_most_codes_is_named_and_not_taken(tmp_path: Path) -> None:
    """Four plans of five are in the list; its name says what it is a list of, so short codes do."""
    items = "id,created,subscription_id,plan_id\n" + "".join(
        f"i{n},2026-09-01,sub_{n},p{n}\n" for n in range(5)
    )
    drop(tmp_path, "subscription_item_data.csv", items)
    plans = "id,unit_amount,currency\n" + "".join(f"p{n},5.5,USD\n" for n in range(4))
    drop(tmp_path, "plan_data.csv", plans)
    proposed, shown = inspect(tmp_path / "drop")
    items_proposed = proposed["subscription_items"]
    assert "lookup" not in items_proposed
    assert items_proposed["columns"]["currency"] == "?"
    assert (
        '#   currency: {file: "plan_data.csv", "on": {"plan_id": "id"}, take: "currency"}'
        "  # 4 of 5 codes"
    ) in re.sub(r"\bon: ", '"on": ', shown)
    assert "perhaps 'unit_amount' of plan_data.csv" in shown


def test_json_tells_the_shape_too(tmp_path: Path) -> None:
    path = drop(tmp_path, "costs.txt", FIXED)
    done = CliRunner().invoke(app, ["files", "inspect", str(path), "--json"])
    [file] = json.loads(done.stdout)["files"]
    assert file["fixed_width"]["month"] == [1, 10]
    assert (file["header_rows"], file["rows_quoted"]) == (1, False)
