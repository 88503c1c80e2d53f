"""`warehouse files check`: what would land, and a warehouse that is as it was."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import duckdb
import pytest
from typer.testing import CliRunner

from ingest.config import FilesSource, load_config
from ingest.errors import EXIT_BAD_DATA, ConfigError
from orchestration.cli import app
from orchestration.file_notices import drop_notices
from orchestration.members import (
    LandedRows,
    find_unmatched,
    nearest_members,
    source_words,
)

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

CONFIG = """\
company: {name: Ánh Dương, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - name: drop
    kind: files
    path: ./drop
    settle_seconds: 0
    max_quarantine_share: 0.5
    datasets:
      products: {files: products.csv, mode: replace}
      opportunities:
        files: "deals*.csv"
        columns:
          opportunity_id: id
          created_at: created
          stage: stage
          status: status
          amount: amount
          product_id: product
          account_id: account
        constants: {currency: VND}
        lookup:
          owner_id: {file: people.csv, on: {rep: code}, take: user}
"""
PRODUCTS = "product_id,product_name\nGTX Pro,GTX Pro\nMG Special,MG Special\n"
PEOPLE = "code,user\nA,NV1\n"
DEALS = """\
id,created,stage,status,amount,product,rep,account
D1,2026-09-01,Won,won,100.50,GTXPro,A,C1
D1,2026-09-01,Won,won,100.50,GTXPro,A,C1
D2,2026-09-02,Won,won,"1.000,00",GTX Pro,A,C1
D3,2026-09-03,Won,won,50.00,GTXPro,B,C2
D4,2026-09-04,Won,won,25.00,MG Special,C,C2
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    (tmp_path / "warehouse.yml").write_text(CONFIG, encoding="utf-8")
    for name, text in (("products", PRODUCTS), ("people", PEOPLE), ("deals_09", DEALS)):
        (drop / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def check(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["files", "check", "--root", "root", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.usefixtures("here")
def test_rows_in_are_landed_refused_or_merged_with_their_lines() -> None:
    told = json.loads(check("--json").stdout)
    deals = next(d for d in told["datasets"] if d["entity"] == "opportunities")
    assert (deals["landed"], deals["quarantined"], deals["absorbed"]) == (
        3, 1, {"equal duplicate": 1},
    )  # fmt: skip
    [refused] = deals["refused"]
    assert (refused["column"], refused["rows"]) == ("amount", 1)
    assert refused["places"] == ["deals_09.csv:4 (9.999,99)"]
    [total] = deals["totals"]
    assert total["source_sum"] == total["landed_sum"] == "175.500000"
    assert deals["unmatched_codes"] == {"owner_id": ["B", "C"]}


@pytest.mark.usefixtures("here")
def test_what_is_printed_says_it_in_words() -> None:
    shown = check().output
    assert "5 rows in = 3 landed + 1 refused + 1 merged" in shown
    assert "deals_09.csv:4" in shown
    assert "owner_id: the lookup file does not hold B, C; left blank" in shown
    assert "did you mean 'GTX Pro'?" in shown
    assert 'product_id: {"GTXPro": "GTX Pro"}' in shown
    assert "Nothing was loaded" in shown


def test_nothing_in_the_warehouse_or_the_drop_changes(here: Path) -> None:
    before = tree(here)
    check()
    assert tree(here) == before
    (here / "root" / "state").mkdir(parents=True)
    (here / "root" / "state" / "ledger.jsonl").write_text("")
    before = tree(here)
    check()
    assert tree(here) == before


def test_a_file_that_would_be_refused_leaves_with_65_and_says_why(here: Path) -> None:
    (here / "drop" / "deals_09.csv").write_text("id,created\nD1,2026-09-01\n")
    done = check()
    assert done.exit_code == EXIT_BAD_DATA
    assert "✗ drop.opportunities ← deals_09.csv" in done.output
    assert "has no header 'stage'" in done.output
    assert "✓ drop.products" in done.output


@pytest.mark.usefixtures("here")
def test_one_dataset_alone_and_a_wrong_name() -> None:
    told = json.loads(check("--dataset", "products", "--json").stdout)
    assert [one["entity"] for one in told["datasets"]] == ["products"]
    with pytest.raises(ConfigError, match="no dataset 'product'; did you mean"):
        check("--dataset", "product")


def test_words_said_at_the_source_hold_in_every_dataset_that_has_the_column(
    here: Path,
) -> None:
    config = here / "warehouse.yml"
    told = CONFIG.replace(
        "    datasets:", "    values: {product_id: {GTXPro: GTX Pro}}\n    datasets:"
    )
    config.write_text(told, encoding="utf-8")
    assert "GTXPro" not in check().output
    [source] = load_config(config, environ={}).sources
    assert isinstance(source, FilesSource)
    values = {d.entity: d.values for d in source.datasets}
    assert values["opportunities"] == {"product_id": {"GTXPro": "GTX Pro"}}
    # A dataset's own words win.
    config.write_text(
        told.replace(
            "        constants:",
            "        values: {product_id: {GTXPro: MG Special}}\n        constants:",
        ),
        encoding="utf-8",
    )
    [source] = load_config(config, environ={}).sources
    assert isinstance(source, FilesSource)
    assert source.datasets[1].values == {"product_id": {"GTXPro": "MG Special"}}
    for wrong, said in (
        ("{produkt_id: {a: b}}", "did you mean 'product_id'"),
        ("{status: {Won: won}}", "closed list; map its words in the dataset"),
        ("nothing", "values is a mapping"),
    ):
        config.write_text(
            CONFIG.replace("    datasets:", f"    values: {wrong}\n    datasets:"),
            encoding="utf-8",
        )
        with pytest.raises(ConfigError, match=said):
            load_config(config, environ={})


def test_litter_strangers_and_empty_folders_are_told(here: Path) -> None:
    drop = here / "drop"
    (drop / "cũ").mkdir()
    for name in (
        "~$deals_09.xlsx",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "a.csv.part",
        "b.crdownload",
    ):
        (drop / name).write_bytes(b"\0")
    (drop / "deal_10.csv").write_text(DEALS)
    (drop / "ghi chú.txt").write_text("x")
    [source] = load_config(here / "warehouse.yml", environ={}).sources
    first, stranger, second, third = drop_notices([source])
    assert stranger == "drop: feed nothing: ghi chú.txt"
    assert "deal_10.csv feeds nothing; did you mean it for 'deals*.csv'?" in first
    assert (
        "ignored .DS_Store, Thumbs.db, a.csv.part, b.crdownload, desktop.ini and 1 more"
        in second
    )
    assert "empty folders: cũ" in third
    assert "5 rows in" in check().output


OTHERS = """\
  - {name: stripe_vn, kind: stripe, key_env: KEY, account: acct_1, legal_entity: vn,
     functional_currency: VND}
  - name: history
    kind: files
    path: ./drop
    settle_seconds: 0
    history_of: stripe_vn
    datasets:
      subscription_items: {files: items.csv, mode: replace}
"""
ITEMS = """\
item_id,valid_from,subscription_id,customer_id,status,product_id,unit_price,currency,quantity,interval,interval_count,usage_type,discount_percent,discount_amount,discount_ends_at,trial_ends_at,valid_to
si_1,2025-01-01T02:33:56Z,sub_1,cus_1,active,prod_vngtx,790000,VND,8,month,1,licensed,,,,,
"""


def test_sources_sharing_a_folder_know_each_others_files_and_a_history_its_own_ids(
    here: Path,
) -> None:
    (here / "warehouse.yml").write_text(CONFIG + OTHERS, encoding="utf-8")
    (here / "drop" / "items.csv").write_text(ITEMS, encoding="utf-8")
    shown = check().output
    assert "1 row in = 1 landed" in shown
    assert "feeds nothing" not in shown
    assert "feed nothing" not in shown
    assert "'GTXPro' is no known member of products" in shown
    assert "prod_vngtx" not in shown
    (here / "drop" / "items.xls").write_text("x")
    assert "drop, history: items.xls feeds nothing" in check().output


def test_people_only_the_files_name_are_known_and_no_spelling_to_map_to(
    tmp_path: Path,
) -> None:
    """As a first warehouse of one export: `drop:Lan` is Lan, as published from these files."""
    served, rows = tmp_path / "bi.duckdb", tmp_path / "deals.parquet"
    with duckdb.connect(str(served)) as con:
        con.execute(
            "create table dim_users as select * from (values ('drop:Lan', 'Lan'),"
            " ('other:Hoa', 'Hoa'), ('(unknown)', '(unknown)')) t(user_id, user_name)"
        )
    with duckdb.connect() as con:
        con.execute(
            "create table deals as select *, null::varchar as created_by_id,"
            " null::varchar as account_id, null::varchar as campaign_id,"
            " null::varchar as product_id, 'VND' as currency"
            " from (values ('Lan', 5.0), ('Hoa', 7.0)) t(owner_id, amount)"
        )
        con.execute(f"copy deals to '{rows}'")
    found = find_unmatched([LandedRows("drop.deals", "opportunities", (rows,))], served)
    assert [(u.value, u.nearest) for u in found] == [("Hoa", ("other:Hoa",))]


def test_members_of_the_served_build_count_and_unlisted_products_do_not(
    tmp_path: Path,
) -> None:
    served = tmp_path / "bi.duckdb"
    rows = tmp_path / "deals.parquet"
    with duckdb.connect(str(served)) as con:
        con.execute(
            "create table dim_users as select 'NV1' user_id, 'Trần Thị Hoa' user_name"
        )
        con.execute(
            "create table dim_products as select * from (values ('P1', 'Gói Vàng', true),"
            " ('P9', null, false)) t(product_id, product_name, is_listed)"
        )
    with duckdb.connect() as con:
        con.execute(
            "create table deals as select *, null::varchar as created_by_id,"
            " null::varchar as account_id, null::varchar as campaign_id from (values"
            " ('NV1', 'P1', 5.0, 'VND'), ('tran thi hoa', 'P9', 7.0, 'VND'),"
            " ('tran thi hoa', null, 1.0, 'USD')) t(owner_id, product_id, amount, currency)"
        )
        con.execute(f"copy deals to '{rows}'")
    found = find_unmatched([LandedRows("drop.deals", "opportunities", (rows,))], served)
    assert [(u.column, u.value, u.rows, dict(u.amounts), u.nearest) for u in found] == [
        ("owner_id", "tran thi hoa", 2, {"USD": 1, "VND": 7}, ("NV1",)),
        ("product_id", "P9", 1, {"VND": 7}, ()),
    ]


def test_money_of_refused_rows_and_without_a_currency_is_told(here: Path) -> None:
    """Tempting: only what landed. A total then agrees with itself, whatever was refused."""
    (here / "warehouse.yml").write_text(
        CONFIG.partition("    datasets:")[0]
        + "    datasets:\n      costs: {files: costs.csv}\n",
        encoding="utf-8",
    )
    (here / "drop" / "costs.csv").write_text(
        "month,cost_type,amount,currency\n2026-09-01,tool,1,VND\n2026-09-01,agency,2,\n"
        "2026-09-01,event,4,VND\n2026-09-31,salary,8,VND\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["files", "check"])
    assert (
        "    amount without a currency: 2.00 in the files = 2.00 landed, equal\n"
        "    amount VND: 13.00 in the files = 5.00 landed + 8.00 refused, equal\n"
    ) in done.output


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        ("GTXPro", ("GTX Pro",)),
        ("gtx-pro", ("GTX Pro",)),
        ("GTX Prro", ("GTX Pro", "GTX Plus Pro")),
        ("Trần Văn Đức", ("NV2",)),
        ("hoàn toàn khác", ()),
        ("349886460", ()),
        ("349 886 462", ("349886462",)),
        ("NV1", ()),
        ("nv 2", ("NV2",)),
    ],
)
def test_the_nearest_members_are_found_by_id_or_by_name(
    value: str, nearest: tuple[str, ...]
) -> None:
    members = {"GTX Pro": "", "GTX Plus Pro": "", "MG": "", "NV2": "Trần Văn Đức"}
    members["349886462"] = "Tết"
    assert nearest_members(value, members) == nearest


def test_one_wide_file_feeds_two_entities_each_with_its_own_columns(here: Path) -> None:
    (here / "drop" / "ads.csv").write_text(
        "campaign,name,day,spend\nC1,Tết,2026-09-01,5.00\nC1,Tết,2026-09-02,7.00\n"
    )
    (here / "warehouse.yml").write_text(
        CONFIG[: CONFIG.index("    datasets:")] + "    datasets:\n"
        "      campaigns:\n"
        "        files: ads.csv\n"
        "        mode: replace\n"
        "        columns: {campaign_id: campaign, campaign_name: name}\n"
        "        constants: {platform: google}\n"
        "      ad_performance_daily:\n"
        "        files: ads.csv\n"
        "        columns: {campaign_id: campaign, date: day, spend: spend}\n"
        "        constants: {platform: google, ad_account_id: A, currency: VND}\n",
        encoding="utf-8",
    )
    told = json.loads(check("--json").stdout)
    rows = {d["entity"]: (d["landed"], d["absorbed"]) for d in told["datasets"]}
    assert rows == {
        "campaigns": (1, {"equal duplicate": 1}),
        "ad_performance_daily": (2, {}),
    }
    assert not told["unmatched"]


def test_campaigns_of_the_served_build_are_known_by_the_id_files_have(
    tmp_path: Path,
) -> None:
    served, rows = tmp_path / "bi.duckdb", tmp_path / "ads.parquet"
    with duckdb.connect(str(served)) as con:
        con.execute(
            "create table dim_campaigns as select 'google:7' campaign_id,"
            " '7' source_record_id, 'Tết' campaign_name, 'tet-26' utm_campaign"
            # What is named by no platform's id is no word for anything.
            " union all select '(unknown)', null, '(unknown)', null"
        )
    with duckdb.connect() as con:
        con.execute(
            "create table ads as select * from (values ('7', 5.0, 'VND'), ('', 1.0, 'VND'),"
            " ('8', 2.0, 'VND')) t(campaign_id, spend, currency)"
        )
        con.execute(f"copy ads to '{rows}'")
    found = find_unmatched(
        [LandedRows("drop.ads", "ad_performance_daily", (rows,))], served
    )
    assert [(u.value, dict(u.amounts)) for u in found] == [("8", {"VND": 2})]


TOUCHES = """\
touch_id,occurred_at,channel,campaign_id
T1,2026-09-01 08:00,Newsletter,7
T2,2026-09-01 09:00,newslettr,TẾT
T3,2026-09-01 10:00,search,Tet-26
T4,2026-09-01 11:00,newslettr,8
"""
LEADS = """\
lead_id,created_at,source,campaign_id
L1,2026-09-01 08:00,Trang Web,tết
L2,2026-09-01 08:00,Facebok,7
L3,2026-09-01 08:00,,
"""
CAMPAIGNS = """\
platform,campaign_id,campaign_name,channel,utm_campaign
google,7,Tết,search,tet-26
"""


def test_words_for_a_source_are_those_of_the_seed_and_campaigns_are_known_by_name(
    here: Path,
) -> None:
    for name, text in (("touch", TOUCHES), ("lead", LEADS), ("camp", CAMPAIGNS)):
        (here / "drop" / f"{name}.csv").write_text(text, encoding="utf-8")
    config = CONFIG[: CONFIG.index("    datasets:")] + (
        '    date_formats: ["%Y-%m-%d %H:%M"]\n'
        "    datasets:\n"
        "      touches: {files: touch.csv}\n"
        "      leads: {files: lead.csv}\n"
        "      campaigns: {files: camp.csv}\n"
    )
    (here / "warehouse.yml").write_text(config, encoding="utf-8")
    told = json.loads(check("--json").stdout)["unmatched"]
    assert [
        (u["entity"], u["column"], u["value"], u["rows"], u["nearest"][:1])
        for u in told
    ] == [
        ("touches", "channel", "newslettr", 2, ["newsletter"]),
        ("leads", "source", "Facebok", 1, ["facebook"]),
        ("touches", "campaign_id", "8", 1, []),
        ("touches", "channel", "search", 1, ["paid_search"]),
    ]
    # A word of one list is none of another of the same name: each is mapped in its dataset.
    shown = check().output
    assert (
        "    datasets:\n"
        "      touches:\n"
        "        values:\n"
        '          channel: {"newslettr": "newsletter", "search": "paid_search"}\n'
        "      leads:\n"
        "        values:\n"
        '          source: {"Facebok": "facebook"}\n'
    ) in shown
    (here / "warehouse.yml").write_text(
        config.replace(
            "touch.csv}",
            "touch.csv, values: {channel: {newslettr: newsletter, search: paid_search}}}",
        ),
        encoding="utf-8",
    )
    told = json.loads(check("--json").stdout)["unmatched"]
    assert {(u["entity"], u["column"]) for u in told} == {
        ("leads", "source"), ("touches", "campaign_id"),
    }  # fmt: skip


def test_a_project_without_the_seed_knows_no_words(tmp_path: Path) -> None:
    assert source_words(tmp_path) == ()


def test_channels_of_costs_are_those_people_read_figures_by(tmp_path: Path) -> None:
    served, rows = tmp_path / "bi.duckdb", tmp_path / "costs.parquet"
    with duckdb.connect(str(served)) as con:
        con.execute(
            "create table labels as select * from (values"
            " ('channel', 'social', 'Mạng xã hội'), ('channel', 'search', 'Tìm kiếm'),"
            " ('unit', 'sociall', '')) t(code_type, code, label_vi)"
        )
    with duckdb.connect() as con:
        con.execute(
            "create table costs as select *, null::varchar as product_id from (values"
            " (' Social', 5.0, 'VND'), ('mang xa hoi', 7.0, 'VND'), ('', 1.0, 'VND'),"
            " ('Sociall', 2.0, 'VND')) t(channel, amount, currency)"
        )
        con.execute(f"copy costs to '{rows}'")
    landed = [LandedRows("drop.costs", "costs", (rows,))]
    found = find_unmatched(landed, served)
    assert [(u.value, u.member_of, dict(u.amounts), u.nearest) for u in found] == [
        ("Sociall", "channels", {"VND": 2}, ("social",)),
        ("mang xa hoi", "channels", {"VND": 7}, ("social",)),
    ]
    # Without a build nobody knows which channels there are.
    assert find_unmatched(landed, None) == []
