"""The snippets people paste into their tools: executed where we can, followed where not."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.connections import SNIPPETS, fill_in
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.publish.tables import assign_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[3]
BUILT_AT = datetime(2026, 11, 1, tzinfo=UTC)
COLUMNS = (
    "'mrr' as kpi_key, date '2026-10-01' as period_start_date, 'month' as grain,"
    " 'total' as breakdown, 'standard' as variant, 'current' as basis, 'VND' as currency,"
    " '(total)' as member_name, false as is_partial, cast({n}.10 as decimal(38, 6)) as value"
)
REGISTRY = (
    "'mrr' as kpi_key, 'a' as name_vi, 'b' as name_en, 'c' as definition_vi,"
    " 'd' as definition_en"
)


@dataclass
class Published:
    """A published folder whose path is as awkward as people make them."""

    root: Path
    tables: tuple[str, ...]
    builds: list[str] = field(default_factory=list)

    def publish(self) -> str:
        """Publish the next build; every figure in it is its number."""
        number = len(self.builds) + 1
        warehouse = self.root / "warehouse.duckdb"
        with duckdb.connect(str(warehouse)) as con:
            for table in self.tables:
                body = COLUMNS.format(n=number)
                if table == "kpi_registry":
                    body = REGISTRY
                if table == "build_info":
                    body = "date '2026-10-31' as as_of_date"
                con.execute(f"create or replace table {table} as select {body}")
        build_id = f"build-{number}"
        publish_build(
            PublishRequest(
                warehouse=warehouse,
                published=self.folder,
                tables=tuple(
                    PublishedTable(t, "main", "core", ()) for t in self.tables
                ),
                build_id=build_id,
                as_of=date(2026, 10, 31),
                code_version="c",
                company_name="Acme",
                now=BUILT_AT + timedelta(days=number),
            )
        )
        self.builds.append(build_id)
        return build_id

    @property
    def folder(self) -> Path:
        return self.root / "published"


@pytest.fixture
def published(tmp_path: Path) -> Published:
    root = tmp_path / "kho d'Acme #(1) 100%"
    root.mkdir()
    made = Published(root, ("rpt_kpi_values", "kpi_registry", "build_info"))
    made.publish()
    return made


def functions(tool: str, published: Published, tmp_path: Path) -> dict[str, Any]:
    """What a Python snippet defines."""
    path = tmp_path / f"{tool}_snippet.py"
    path.write_text(fill_in(tool, published.folder, audience="bi"), encoding="utf-8")
    return runpy.run_path(str(path))


def statements(sql: str) -> Iterator[str]:
    code = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    yield from (part for part in code.split(";") if part.strip())


def test_the_sql_snippet_runs_and_reads_one_build(published: Published) -> None:
    sql = fill_in("duckdb", published.folder, audience="bi")
    answers = []
    with duckdb.connect() as con:
        for statement in statements(sql):
            answers.append(con.execute(statement).fetchall())
            if statement.strip().startswith("use"):
                published.publish()
    assert len(answers) == 5
    assert answers[2] == [("build-1", date(2026, 10, 31), "")]
    assert [str(row[2]) for row in answers[3]] == ["1.100000"]


def test_the_python_snippet_keeps_its_build_until_opened_again(
    published: Published, tmp_path: Path
) -> None:
    open_build: Callable[[], duckdb.DuckDBPyConnection] = functions(
        "python", published, tmp_path
    )["open_build"]
    with open_build() as build:
        published.publish()
        ids = build.sql("select distinct build_id from rpt_kpi_values").fetchall()
        assert ids == [("build-1",)]
        with pytest.raises(duckdb.Error):
            build.sql("create table mine as select 1")
    with open_build() as build:
        ids = build.sql("select distinct build_id from rpt_kpi_values").fetchall()
        assert ids == [("build-2",)]


def test_the_pandas_snippet_takes_all_tables_from_one_build(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_build = functions("pandas", published, tmp_path)["read_build"]
    genuine = pd.read_parquet

    def read_and_publish(*arguments: Any, **more: Any) -> pd.DataFrame:
        frame = genuine(*arguments, **more)
        published.publish()
        return frame

    monkeypatch.setattr(pd, "read_parquet", read_and_publish)
    frames = read_build("rpt_kpi_values", "kpi_registry", "build_info")
    assert {frame["build_id"][0] for frame in frames.values()} == {"build-1"}
    assert len(published.builds) == 4
    assert str(frames["rpt_kpi_values"]["value"][0]) == "1.100000"
    assert str(frames["rpt_kpi_values"]["value"].dtype).startswith("decimal128(38, 6)")


def test_the_text_file_for_excel_can_be_written(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = fill_in("excel", published.folder, audience="bi")
    [sql] = re.findall(r"```sql\n(.*?)```", note, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as con:
        for statement in statements(sql):
            con.execute(statement)
    lines = (tmp_path / "kpi_monthly.csv").read_text("utf-8").splitlines()
    assert lines[1] == "mrr,2026-10-01,total,(total),VND,1.100000,false,build-1"


@dataclass(frozen=True)
class PowerQuery:
    """The steps of the M snippet, taken from its text."""

    text: str

    @property
    def code(self) -> str:
        """The text without comments."""
        lines = self.text.splitlines()
        return "\n".join(line for line in lines if not line.lstrip().startswith("//"))

    @property
    def constants(self) -> dict[str, str]:
        found = re.findall(r'^    (\w+) = "((?:[^"]|"")*)",$', self.code, re.MULTILINE)
        return {
            name: value.replace('""', '"').replace("#(#)", "#") for name, value in found
        }

    def joined(self, text: str, known: dict[str, str]) -> Path:
        """What `Join({…})` makes of names and words."""
        parts = [part.strip() for part in text.split(",")]
        return Path(
            *(
                part.strip('"') if part.startswith('"') else known[part]
                for part in parts
            )
        )

    def run(self, between: Callable[[str], None]) -> dict[str, Path]:
        """Follow the steps: the pointer once, the build's folder, then table by table."""
        known = self.constants
        [pointer] = re.findall(
            r"Pointer = Json\.Document\(Binary\.Buffer\(File\.Contents\(Join\(\{(.*?)\}\)",
            self.code,
        )
        content = json.loads(self.joined(pointer, known).read_text("utf-8"))
        [(name, key)] = re.findall(r"(\w+) = Pointer\[(\w+)\]", self.code)
        known[name] = content[key]
        [folder] = re.findall(r"Folder = Join\(\{(.*?)\}\)", self.code)
        read = {}
        for table in self.tables:
            read[table] = self.joined(folder, known) / f"{table}.parquet"
            assert read[table].is_file(), read[table]
            between(table)
        return read

    @property
    def tables(self) -> list[str]:
        [listed] = re.findall(r"Tables = \{(.*?)\}", self.code, re.DOTALL)
        return re.findall(r'"(\w+)"', listed)


@pytest.fixture
def power_query(tmp_path: Path) -> tuple[PowerQuery, Published]:
    root = tmp_path / "kho d'Acme #(1) 100%"
    root.mkdir()
    snippet = PowerQuery(fill_in("powerquery", root / "published", audience="bi"))
    # The publisher writes `build_themes` itself.
    own = tuple(table for table in snippet.tables if table != "build_themes")
    made = Published(root, own)
    made.publish()
    return snippet, made


def test_power_query_takes_all_tables_from_one_build_across_a_swap(
    power_query: tuple[PowerQuery, Published],
) -> None:
    snippet, published = power_query
    assert Path(snippet.constants["Published"]) == published.folder

    def publish(table: str) -> None:
        if table in ("rpt_kpi_values", "dim_dates"):
            published.publish()

    read = snippet.run(publish)
    assert published.builds == ["build-1", "build-2", "build-3"]
    assert len(read) > 10
    assert {path.relative_to(published.folder).parts[0] for path in read.values()} == {
        "build-1"
    }
    assert [
        duckdb.sql(f"select distinct build_id from read_parquet('{quoted}')").fetchall()
        for path in read.values()
        if (quoted := str(path).replace("'", "''"))
    ] == [[("build-1",)]] * len(read)


def test_power_query_reads_nothing_but_pointer_and_build(
    power_query: tuple[PowerQuery, Published],
) -> None:
    snippet, _ = power_query
    code = snippet.code
    assert code.count("current.json") == 1
    assert code.count("Pointer[") == 1
    assert code.count("File.Contents(") == 2
    for opening, closing in ("()", "{}", "[]"):
        assert code.count(opening) == code.count(closing)
    assert re.search(r"\bin\s+Warehouse\s*$", code)
    # A file of another build's folder, or the link, would be a second look at the pointer.
    assert '"current"' not in code


def test_power_query_names_only_tables_everybody_gets() -> None:
    listed = [PublishedTable("build_themes", "main", "core", ("all",))]
    for path in (REPOSITORY / "dbt_project").rglob("*.yml"):
        text = path.read_text("utf-8")
        if "theme:" not in text:
            continue
        content = yaml.load(text, Loader=yaml.CSafeLoader)
        for node in [*content.get("models", []), *content.get("seeds", [])]:
            config = node.get("config", {})
            meta = config.get("meta", {})
            if "theme" in meta:
                name = config.get("alias", node["name"])
                readers = tuple(meta.get("audience", ()))
                listed.append(PublishedTable(name, "main", meta["theme"], readers))
    open_tables = {table.name for table in assign_files(listed, {}) if table.is_open}
    named = PowerQuery(fill_in("powerquery", Path("/x"), audience="bi")).tables
    assert set(named) - open_tables == set()


def test_the_command_fills_in_the_real_path(published: Published) -> None:
    root = ["--root", str(published.root)]
    for tool in SNIPPETS:
        done = CliRunner().invoke(app, ["connect", tool, *root])
        assert done.exit_code == 0
        assert "@PUBLISHED@" not in done.output
        assert "@AUDIENCE@" not in done.output
        assert "kho d" in done.output
    listed = CliRunner().invoke(app, ["connect"])
    assert all(tool in listed.output for tool in SNIPPETS)
    wrong = CliRunner().invoke(app, ["connect", "power-query"])
    assert "did you mean 'powerquery'?" in str(wrong.exception)
    nobody = CliRunner().invoke(app, ["connect", "duckdb", "--audience", "sale", *root])
    assert "no file for audience 'sale'" in str(nobody.exception)
