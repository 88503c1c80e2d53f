"""Relations replaced in place: what fails leaves the old one, and a kind may change."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import duckdb

from orchestration.dbt_process import start_dbt

MACROS = Path(__file__).resolve().parents[2] / "dbt_project/macros/materializations.sql"
PROFILES = "p: {target: t, outputs: {t: {type: duckdb, path: build.duckdb}}}\n"
MODEL = """\
{{{{ config(materialized='{kind}', post_hook="select {{{{ var('after') }}}}") }}}}
select {{{{ var('n') }}}} as n
"""
GOOD = {"n": 1, "after": 1}
FAILS = {"n": "no_such_column", "after": 1}
FAILS_AFTER = {"n": 2, "after": "error('no such hook')"}


def build(root: Path, kinds: dict[str, str], *runs: dict[str, object]) -> None:
    """Build the models in their kinds once per set of variables, in one file."""
    for name, kind in kinds.items():
        (root / "models" / f"{name}.sql").write_text(MODEL.format(kind=kind), "utf-8")
    first, *more = (["--vars", json.dumps(variables)] for variables in runs)
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - a child process
        "DBT_PROFILES_DIR": str(root),
        "DBT_TARGET_PATH": str(root / "built"),
    }
    with start_dbt(
        root,
        environment,
        target=root / "target",
        variables=GOOD,
        parses="p",
        writes_manifest=False,
    ) as dbt:
        told = [*dbt.build(first, then=[["build", *arguments] for arguments in more])]
        assert dbt.wait() == 0, told


def rows(root: Path) -> dict[str, tuple[str, int]]:
    """Return kind and number of every model as it stands."""
    with duckdb.connect(str(root / "build.duckdb")) as con:
        kinds = con.execute(
            "select table_name, table_type from information_schema.tables"
        ).fetchall()
        return {
            name: (kind, con.execute(f"select n from {name}").fetchall()[0][0])
            for name, kind in kinds
        }


def test_what_fails_leaves_the_old_relation_and_a_kind_may_change(
    tmp_path: Path,
) -> None:
    for folder in ("models", "macros"):
        (tmp_path / folder).mkdir()
    shutil.copy(MACROS, tmp_path / "macros")
    (tmp_path / "profiles.yml").write_text(PROFILES, "utf-8")
    (tmp_path / "dbt_project.yml").write_text(
        "{name: p, version: '1.0.0', profile: p}\n", "utf-8"
    )

    build(tmp_path, {"a": "table", "b": "view"}, GOOD, FAILS, FAILS_AFTER)
    stood = rows(tmp_path)
    build(tmp_path, {"a": "view", "b": "table"}, {"n": 3, "after": 1})

    assert stood == {"a": ("BASE TABLE", 1), "b": ("VIEW", 1)}
    assert rows(tmp_path) == {"a": ("VIEW", 3), "b": ("BASE TABLE", 3)}
