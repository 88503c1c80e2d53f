"""Figures before and after: exactly what moved is named, with its cause."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pytest
from typer.testing import CliRunner

from ingest.errors import ConfigError
from orchestration.cli import app
from orchestration.diff import BuiltFrom, Move, Side, VersionChange, compare
from orchestration.publish import PublishedTable, PublishRequest, publish_build
from orchestration.rehearsal import (
    extract_models,
    project_fingerprint,
    published_side,
)
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

SAME = BuiltFrom("2026-10-31", "m1", 7, {"mrr_trials": "exclude"})

MRR = ("mrr", "1+aa", "month", "2026-09-01", "total", "(total)", "VND", "100", None)
"""KPI, version, grain, period, breakdown, member, currency, value, flag."""
WINS = (
    "deals_won",
    "1+none",
    "month",
    "2026-09-01",
    "total",
    "(total)",
    None,
    "4",
    None,
)
ARPA = ("arpa", "1+none", "month", "2026-09-01", "total", "(total)", "VND", "50", None)

Row = tuple[str | None, ...]


def changed(row: Row, **parts: str | None) -> Row:
    names = (
        "kpi", "version", "grain", "period", "breakdown", "member", "currency", "value",
        "flag",
    )  # fmt: skip
    return tuple(parts.get(name, old) for name, old in zip(names, row, strict=True))


def side(path: Path, *rows: Row, made: BuiltFrom = SAME) -> Side:
    with duckdb.connect(str(path)) as con:
        con.execute(
            "create table rpt_kpi_values (kpi_key varchar, kpi_version varchar,"
            " grain varchar, period_start_date date, breakdown varchar, member_id varchar,"
            " currency varchar, value decimal(38, 6), flag varchar[], variant varchar,"
            " basis varchar, numerator decimal(38, 6), denominator decimal(38, 6))"
        )
        for row in rows:
            con.execute(
                "insert into rpt_kpi_values values (?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " 'standard', 'current', ?, null)",
                [*row[:8], [row[8]] if row[8] else [], row[7]],
            )
    return Side(path.stem, path, made)


def test_only_what_moved_is_named_with_old_new_and_share(tmp_path: Path) -> None:
    before = side(tmp_path / "a.duckdb", MRR, WINS)
    after = side(
        tmp_path / "b.duckdb",
        changed(MRR, value="125.5"),
        WINS,
        made=replace(SAME, models="m2"),
    )
    found = compare(before, after)
    assert found.moves == (
        Move(
            state="moved",
            kpi_key="mrr",
            variant="standard",
            grain="month",
            period_start_date=date(2026, 9, 1),
            breakdown="total",
            member_id="(total)",
            currency="VND",
            old=Decimal(100),
            new=Decimal("125.5"),
            delta=Decimal("25.5"),
            share=Decimal("0.255"),
            causes=("model",),
        ),
    )
    assert (found.unchanged, found.flags_changed, found.versions) == (1, 0, ())


@pytest.mark.parametrize(
    ("version", "made", "causes"),
    [
        ("2+aa", SAME, ("definition",)),
        ("1+bb", SAME, ("policy",)),
        ("2+bb", SAME, ("definition", "policy")),
        ("1+bb", replace(SAME, ledger_lines=9), ("policy", "data")),
        ("1+aa", replace(SAME, ledger_lines=9), ("data",)),
        ("1+aa", replace(SAME, as_of="2026-11-01"), ("data",)),
        ("1+aa", replace(SAME, models="m2"), ("model",)),
        # A build from before these were written down: both are possible and said.
        ("1+aa", BuiltFrom("2026-10-31"), ("model", "data")),
        ("1+aa", SAME, ("unknown",)),
    ],
)
def test_the_cause_is_named(
    tmp_path: Path, version: str, made: BuiltFrom, causes: tuple[str, ...]
) -> None:
    before = side(tmp_path / "a.duckdb", MRR)
    moved = changed(MRR, value="1", version=version)
    found = compare(before, side(tmp_path / "b.duckdb", moved, made=made))
    assert [move.causes for move in found.moves] == [causes]


def test_a_kpi_made_of_others_moves_for_their_cause(tmp_path: Path) -> None:
    before = side(tmp_path / "a.duckdb", MRR, ARPA)
    after = side(
        tmp_path / "b.duckdb",
        changed(MRR, version="1+bb", value="90"),
        changed(ARPA, value="45"),
        made=replace(SAME, policies={"mrr_trials": "include"}),
    )
    found = compare(before, after)
    assert {m.kpi_key: m.causes for m in found.moves} == {
        "mrr": ("policy",),
        "arpa": ("policy",),
    }
    assert found.versions == (VersionChange("mrr", "1+aa", "1+bb"),)
    assert found.policies == {"mrr_trials": ("exclude", "include")}


def test_unknown_is_not_zero_and_keys_come_and_go(tmp_path: Path) -> None:
    october = changed(MRR, period="2026-10-01")
    before = side(tmp_path / "a.duckdb", changed(WINS, value="0"), MRR)
    after = side(tmp_path / "b.duckdb", changed(WINS, value=None), october)
    found = compare(before, after)
    assert [
        (m.kpi_key, m.state, m.old, m.new, m.delta, m.share) for m in found.moves
    ] == [
        ("deals_won", "moved", Decimal(0), None, None, None),
        ("mrr", "removed", Decimal(100), None, None, None),
        ("mrr", "added", None, Decimal(100), None, None),
    ]


def test_a_flag_alone_is_counted_and_moves_nothing(tmp_path: Path) -> None:
    before = side(tmp_path / "a.duckdb", MRR)
    after = side(tmp_path / "b.duckdb", changed(MRR, flag="new_from_zero"))
    found = compare(before, after)
    assert (found.moves, found.unchanged, found.flags_changed) == ((), 1, 1)


def test_grain_and_breakdown_are_chosen(tmp_path: Path) -> None:
    rows = (MRR, changed(MRR, grain="day"), changed(MRR, breakdown="rep", member="Lan"))
    before = side(tmp_path / "a.duckdb", *rows)
    moved = tuple(changed(row, value="1") for row in rows)
    after = side(tmp_path / "b.duckdb", *moved)
    assert [m.grain for m in compare(before, after, grain="day").moves] == ["day"]
    of_reps = compare(before, after, breakdown="rep", kpi="mrr").moves
    assert [m.member_id for m in of_reps] == ["Lan"]
    assert len(compare(before, after, grain="all", breakdown="all").moves) == 3
    with pytest.raises(ConfigError, match="no figures of mrr by week"):
        compare(before, after, grain="week", kpi="mrr")


def publish(root: Path, build_id: str, value: str, **made_of: object) -> None:
    warehouse = root / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    side(warehouse, changed(MRR, value=value), WINS)
    publish_build(
        PublishRequest(
            warehouse=warehouse,
            published=root / "published",
            tables=(PublishedTable("rpt_kpi_values", "main", "core", ()),),
            build_id=build_id,
            as_of=date(2026, 10, 31),
            code_version="c",
            company_name="Acme",
            now=datetime(2026, 11, 1, int(build_id[-1]), tzinfo=UTC),
            quality={
                "built_from": {"models": "m", "ledger_lines": int(value), **made_of}
            },
        )
    )


def test_the_command_compares_an_earlier_build_with_the_current_one(
    tmp_path: Path,
) -> None:
    publish(tmp_path, "b1", "100")
    publish(tmp_path, "b2", "90")
    words = ["diff", "b1", "--root", str(tmp_path)]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (told["before"], told["after"]) == ("b1", "b2")
    assert (told["moved"], told["unchanged"]) == (1, 1)
    assert told["figures"][0]["share"] == "-0.100000"
    assert told["figures"][0]["causes"] == ["data"]
    shown = CliRunner().invoke(app, words).stdout
    assert "2026-09" in shown
    assert "-10.0%" in shown
    assert "1 moved, 0 added, 0 removed, 1 unchanged" in shown


def test_a_held_theme_is_read_as_it_was_made(tmp_path: Path) -> None:
    """Finance waits for an approval: tonight's policies are the build's and not its own."""
    old, new = ({"models": "m", "policies": {"churn_date": day}} for day in ("a", "b"))
    publish(tmp_path, "b1", "100", **old)
    publish(tmp_path, "b2", "90", **new, themes={"sales": new, "finance": old})
    publish(tmp_path, "b3", "90", **new, themes={"sales": new, "finance": new})
    words = ["diff", "--root", str(tmp_path), "--json"]
    settings = load_settings(root=tmp_path, environ={}, sandbox_url="http://x")
    for build, day in (("b1", "a"), ("b2", "a"), ("b3", "b")):
        side = published_side(settings, build)
        assert side.built_from.policies == {"churn_date": day}
    told = json.loads(CliRunner().invoke(app, [*words, "b2"]).stdout)
    assert told["policies"] == {"churn_date": ["a", "b"]}


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_the_models_of_a_ref_are_those_committed(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    model = repository / "dbt_project" / "models" / "m.sql"
    model.parent.mkdir(parents=True)
    model.write_text("select 1")
    (repository / "secret.txt").write_text("not of the project")
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "first")
    project = repository / "dbt_project"
    committed = project_fingerprint(project)
    model.write_text("select 2")

    found = extract_models(project, "HEAD", tmp_path / "ref")
    assert (found / "models" / "m.sql").read_text() == "select 1"
    assert project_fingerprint(found) == committed != project_fingerprint(project)
    assert not list(found.rglob("secret.txt"))
    with pytest.raises(ConfigError, match="git has no 'HEAD~9'"):
        extract_models(project, "HEAD~9", tmp_path / "none")
    with pytest.raises(ConfigError, match="git has no '--output=x'"):
        extract_models(project, "--output=x", tmp_path / "none")
    assert not list(tmp_path.rglob("x"))


def test_a_ref_without_a_checkout_is_a_wrong_word(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no published build"):
        extract_models(tmp_path, "HEAD", tmp_path / "ref")
