"""`python -m ingest`: exit codes and the last line, without a source being asked."""

from __future__ import annotations

from pathlib import Path

import pytest

import ingest.sandbox
from ingest.__main__ import main

CONFIG = Path(ingest.sandbox.__file__).with_name("warehouse.yml")


def run(tmp_path: Path, *arguments: str) -> int:
    return main(
        [
            "--config",
            str(CONFIG),
            "--sandbox-url",
            "http://127.0.0.1:9",
            "--sandbox-root",
            str(tmp_path),
            "--root",
            str(tmp_path / "root"),
            *arguments,
        ]
    )


@pytest.mark.parametrize(
    ("source", "entity", "said"),
    [
        ("hubspot", "deals", "no source 'hubspot'"),
        (
            "hubspot_main",
            "deal",
            "hubspot_main has no entity 'deal'; it has: call_dispo",
        ),
    ],
)
def test_a_wrong_name_is_a_configuration_error(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    source: str,
    entity: str,
    said: str,
) -> None:
    code = run(
        tmp_path, "--source", source, "--entity", entity, "--as-of", "2026-10-31"
    )
    assert code == 78
    assert said in capsys.readouterr().err


def test_an_unfinished_day_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(
        tmp_path,
        *("--source", "hubspot_main", "--entity", "deals", "--as-of", "2026-10-31"),
        *("--now", "2026-10-31T12:00:00+07:00"),
    )
    assert code == 78
    assert "2026-10-31 is not over in Asia/Ho_Chi_Minh" in capsys.readouterr().err
    assert not (tmp_path / "root").exists()
