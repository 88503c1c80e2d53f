"""Building a warehouse file from a raw folder with the real dbt command.

Belongs here: the child process and its variables. Stays out: rows (`raw_fixture`, golden
cases), what is asked of the result (the tests).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def build_warehouse(
    root: Path,
    *,
    as_of: date,
    select: str = "",
    policies: dict[str, object] | None = None,
    entities: Sequence[str] = (),
    is_tested: bool = True,
) -> Path:
    """Run `dbt build` on `root/raw` and return the warehouse file; fail on any red node.

    `entities` are the canonical ones the company has a source for; without `is_tested` no
    dbt test is run, for builds on the way to one that is. Unit tests are `test_unit_tests`.
    """
    variables = {
        "as_of_date": as_of.isoformat(),
        "load_date": (as_of + timedelta(days=1)).isoformat(),
        "reporting_timezone": "Asia/Ho_Chi_Minh",
        "reporting_currency": "VND",
        "presentation_currencies": ["VND", "USD"],
        "raw_root": str(root / "raw"),
        "configured_entities": list(entities),
        "policies": policies or {},
        "build_id": "test",
        "fiscal_year_start_month": 1,
        "company_name": "Acme",
    }
    command = [
        str(Path(sys.executable).with_name("dbt")), "build", "--quiet",
        "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
        "--target-path", str(root / "target"), "--log-path", str(root / "logs"),
        "--vars", json.dumps(variables),
        "--exclude-resource-type", "unit_test", *([] if is_tested else ["test"]),
    ]  # fmt: skip
    if select:
        # Tests that need a model outside the selection would fail for its absence.
        command += ["--indirect-selection", "cautious", "--select", *select.split()]
    warehouse = root / "warehouse.duckdb"
    done = subprocess.run(
        command,
        env={
            **os.environ,  # noqa: TID251 - the child needs the interpreter's surroundings
            "WAREHOUSE_DUCKDB": str(warehouse),
            "DO_NOT_TRACK": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return warehouse
