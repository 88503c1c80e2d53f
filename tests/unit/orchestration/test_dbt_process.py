"""The dbt child: what does not parse is said, and nothing outlives its parent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orchestration.dbt_process import DbtError, start_dbt

if TYPE_CHECKING:
    from pathlib import Path

PROFILES = "p: {target: t, outputs: {t: {type: duckdb, path: build.duckdb}}}\n"


def test_a_project_that_does_not_parse_is_named_and_builds_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "profiles.yml").write_text(PROFILES, encoding="utf-8")
    (tmp_path / "dbt_project.yml").write_text(
        "{name: p, version: '1.0.0', profile: p}\n", encoding="utf-8"
    )
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.sql").write_text(
        "select * from {{ ref('nowhere') }}", encoding="utf-8"
    )
    with start_dbt(
        tmp_path,
        {"PATH": os.environ["PATH"], "DBT_PROFILES_DIR": str(tmp_path)},  # noqa: TID251 - a child process
        target=tmp_path / "target",
        variables={},
        parses="p",
        writes_manifest=False,
    ) as dbt:
        with pytest.raises(DbtError, match=r"(?s)does not parse.*nowhere"):
            list(dbt.build([]))
        assert dbt.wait() == 2
        assert not dbt.is_waiting
    assert not (tmp_path / "build.duckdb").exists()
