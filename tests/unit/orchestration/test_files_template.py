"""`warehouse files template`: filled in and dropped, it lands as it was typed."""

from __future__ import annotations

import datetime as dt
import io
import random
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ingest.config import FilesSource, load_config
from ingest.config_files import required_columns
from ingest.config_templates import HEADER_LINE, template_patterns
from ingest.contracts import CONTRACTS
from ingest.contracts.notes import NOTES, UNITS, note_in_vietnamese
from ingest.entities import Type
from ingest.errors import ConfigError, ContractViolation
from ingest.job import extract_entity
from ingest.sources import streams_of
from orchestration.cli import app
from orchestration.file_notices import drop_notices
from orchestration.templates import render_template

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.config import WarehouseConfig
    from ingest.entities import Column, EntityContract
    from ingest.landing import LandedBatch

FILES = CONTRACTS["files"]
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CONFIG = """\
company: {name: Ánh Dương, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - {name: forms, kind: files, path: ./forms, templates: true, settle_seconds: 0}
"""
ROWS = 12


def configured(here: Path, root: Path | None = None) -> WarehouseConfig:
    (here / "warehouse.yml").write_text(CONFIG, encoding="utf-8")
    return load_config(here / "warehouse.yml", environ={}, root=root)


def typed_cell(column: Column, number: int, draw: random.Random) -> object:
    """Return what somebody types into a cell; days differ by row."""
    day = dt.datetime(2026, 1, 1) + dt.timedelta(days=number)  # noqa: DTZ001 - a wall clock
    words = (f"0{number:04}", f"Mã số {number}", f"=x{number}", f"- {number}")
    if column.name.endswith("currency"):
        words = ("VND", "USD", "EUR")
    made: dict[Type, object] = {
        Type.TEXT: draw.choice(column.values or words),
        Type.BOOLEAN: draw.choice(("có", "không")),
        Type.INTEGER: draw.randrange(-(10**9), 10**9),
        Type.MONEY: draw.randrange(-(10**12), 10**12) / 100,
        Type.NUMBER: draw.randrange(1, 10**9) / 10**4,
        Type.RATE: draw.randrange(1, 10**9) / 10**4,
        Type.DATE: day.date(),
        Type.INSTANT: day + dt.timedelta(seconds=draw.randrange(86400)),
    }
    return made[column.type]


def landed(column: Column, cell: object) -> object:
    """Return what a typed cell has to be in the warehouse."""
    if cell is None:
        return None
    match column.type:
        case Type.BOOLEAN:
            return cell == "có"
        case Type.MONEY | Type.NUMBER | Type.RATE:
            return (
                Decimal(repr(cell)) if isinstance(cell, float) else Decimal(str(cell))
            )
        case Type.INSTANT:
            assert isinstance(cell, dt.datetime)
            return cell.replace(tzinfo=ZONE).astimezone(dt.UTC)
        case _:
            return cell


def fill(contract: EntityContract, rows: list[dict[str, object]]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(render_template(contract)))
    page = book[contract.name]
    for line, row in enumerate(rows, HEADER_LINE + 1):
        for number, column in enumerate(contract.columns, 1):
            cell = page.cell(line, number)
            cell.value = row[column.name]  # type: ignore[assignment]  # cells take any value
            if isinstance(row[column.name], str):
                cell.data_type = "s"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def land(here: Path) -> LandedBatch:
    """Land the one template in the drop, as a night would."""
    [source] = configured(here).sources
    [stream] = streams_of(source)
    return extract_entity(
        source, stream, root=here / "root", as_of=dt.date(2026, 10, 30),
        now=dt.datetime(2026, 10, 31, tzinfo=dt.UTC),
    )  # fmt: skip


@pytest.mark.parametrize("entity", sorted(FILES))
def test_random_rows_come_back_through_the_template(
    tmp_path: Path, entity: str
) -> None:
    contract, draw = FILES[entity], random.Random(entity)  # noqa: S311 - test data
    required = required_columns(contract)
    rows: list[dict[str, object]] = []
    for number in range(ROWS):
        row = {c.name: typed_cell(c, number, draw) for c in contract.columns}
        for column in contract.columns:
            if column.name not in {*required, *contract.key} and draw.random() < 0.3:
                row[column.name] = None
        for column in contract.money_columns:
            row[column.currency_column] = row[column.currency_column] or "VND"
        rows.append(row)
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / f"{entity} 2026.xlsx").write_bytes(fill(contract, rows))
    batch = land(tmp_path)
    assert batch.manifest.entity == entity
    assert batch.manifest.quarantined_count == 0
    found = pq.read_table(batch.parquet).to_pylist()
    names = [column.name for column in contract.columns]
    expected = [
        {c.name: landed(c, row[c.name]) for c in contract.columns} for row in rows
    ]
    order = {tuple(e[k] for k in contract.key if k in e): e for e in expected}
    assert len(order) == ROWS
    got = {
        tuple(f[k] for k in contract.key if k in names): {n: f[n] for n in names}
        for f in found
    }
    assert got == order


@pytest.mark.parametrize("entity", sorted(FILES))
def test_an_untouched_template_holds_no_row_of_data(entity: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(render_template(FILES[entity])))
    page = book[entity]
    names = [c.name for c in FILES[entity].columns]
    assert [page.cell(HEADER_LINE, n).value for n in range(1, len(names) + 1)] == names
    assert all(page.cell(3, n).value is not None for n in range(1, len(names) + 1))
    assert all(page.cell(HEADER_LINE, n).comment for n in range(1, len(names) + 1))
    below = page.iter_rows(min_row=HEADER_LINE + 1, values_only=True)
    assert not [row for row in below if any(cell is not None for cell in row)]


def test_every_column_is_explained_in_vietnamese_and_no_note_is_left_over() -> None:
    used: set[str] = set()
    for entity, contract in FILES.items():
        for column in contract.columns:
            own = f"{entity}.{column.name}"
            used.add(own if own in NOTES else column.name)
            note = note_in_vietnamese(entity, column.name)
            assert note.endswith((".", "…")), own
            assert note != column.doc, own
            assert unicodedata.is_normalized("NFC", note), own
            assert not column.unit or UNITS[column.unit], own
    assert used == set(NOTES)


def test_a_template_explains_itself_in_both_languages() -> None:
    book = openpyxl.load_workbook(io.BytesIO(render_template(FILES["costs"])))
    note, guide = book["costs"].cell(2, 6).value, book["Hướng dẫn - Guide"]
    assert note == (
        "Chi phí của tháng.\nBắt buộc; số tiền, theo đơn vị đầy đủ (đồng, đô la), loại tiền "
        "ở cột currency\nCost of the month."
    )
    assert [cell.value for cell in guide[8]][:5] == [
        "Số tiền", "amount", "có · yes", "Chi phí của tháng.", "Cost of the month.",
    ]  # fmt: skip


@pytest.mark.parametrize("entity", sorted(FILES))
def test_the_example_would_land_if_it_were_data(tmp_path: Path, entity: str) -> None:
    """An example that would be refused teaches the wrong thing."""
    book = openpyxl.load_workbook(io.BytesIO(render_template(FILES[entity])))
    page = book[entity]
    for number in range(1, len(FILES[entity].columns) + 1):
        page.cell(HEADER_LINE + 1, number, page.cell(3, number).value)
    (tmp_path / "forms").mkdir()
    book.save(tmp_path / "forms" / f"{entity}.xlsx")
    batch = land(tmp_path)
    assert (batch.manifest.row_count, batch.manifest.quarantined_count) == (1, 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            1,
            "required; valid: NV1. Lines 1 to 5 of a template and the name of its sheet",
        ),
        (
            5,
            "required; valid: NV1. Lines 1 to 5 of a template and the name of its sheet",
        ),
        (0, "no sheet 'users'; there are Sheet1, Hướng dẫn - Guide. Lines 1 to 5 of a"),
    ],
)
def test_a_template_laid_out_otherwise_says_what_stays(
    tmp_path: Path, line: int, message: str
) -> None:
    row: dict[str, object] = {c.name: None for c in FILES["users"].columns}
    row["user_id"] = "NV1"
    book = openpyxl.load_workbook(io.BytesIO(fill(FILES["users"], [row])))
    if line:
        book["users"].delete_rows(line)
    else:
        book["users"].title = "Sheet1"
    (tmp_path / "forms").mkdir()
    book.save(tmp_path / "forms" / "users.xlsx")
    with pytest.raises(ContractViolation) as caught:
        land(tmp_path)
    assert message in str(caught.value)
    assert "`warehouse files template users` writes a new one" in str(caught.value)


def test_a_template_nobody_filled_in_says_so(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "users.xlsx").write_bytes(render_template(FILES["users"]))
    with pytest.raises(
        ContractViolation, match="not filled in, no row stands below line 5"
    ):
        land(tmp_path)


def test_a_name_that_is_nearly_a_template_s_is_told(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    for name in ("target.xlsx", "Accounts 2026.xlsx", "working calendar.xlsx"):
        (tmp_path / "forms" / name).write_bytes(b"")
    (tmp_path / "forms" / "targets 2025.xlsx").write_bytes(b"")
    told = list(drop_notices(configured(tmp_path).sources))
    assert told == [
        f"forms: {name} feeds nothing; did you mean it for {meant!r}?"
        for name, meant in (
            ("Accounts 2026.xlsx", "accounts.xlsx"),
            ("target.xlsx", "targets.xlsx"),
            ("working calendar.xlsx", "working_calendar.xlsx"),
        )
    ]


def test_no_name_of_a_template_feeds_two_entities(tmp_path: Path) -> None:
    (tmp_path / "forms").mkdir()
    for entity in FILES:
        for name in (
            f"{entity}.xlsx",
            f"{entity} 2026.xlsx",
            f"{entity}-v2.xlsx",
            f"{entity}_2026.xlsx",
        ):
            (tmp_path / "forms" / name).write_bytes(b"")
            [source] = configured(tmp_path).sources
            assert source.canonical_entities() == {entity}
            (tmp_path / "forms" / name).unlink()
    assert template_patterns("targets")[0] == "targets.xlsx"


def test_what_was_loaded_stays_declared_when_its_file_is_gone(tmp_path: Path) -> None:
    (tmp_path / "root" / "raw" / "files" / "targets" / "forms.targets").mkdir(
        parents=True
    )
    [source] = configured(tmp_path, tmp_path / "root").sources
    assert isinstance(source, FilesSource)
    assert source.canonical_entities() == {"targets"}
    [other] = configured(tmp_path).sources
    assert not other.canonical_entities()


def test_the_verb_writes_once_and_lists_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(app, ["files", "template"]).output
    assert "targets" in listed
    assert "Chỉ tiêu" in listed
    done = CliRunner().invoke(app, ["files", "template", "targets"])
    assert "templates: true" in done.output
    again = CliRunner().invoke(app, ["files", "template", "targets"])
    assert isinstance(again.exception, ConfigError)
    wrong = CliRunner().invoke(app, ["files", "template", "target"])
    assert "did you mean 'targets'" in str(wrong.exception)
