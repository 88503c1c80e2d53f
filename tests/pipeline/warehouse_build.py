"""Building a warehouse file from a raw folder with the dbt process of a night.

Belongs here: the child process and its variables. Stays out: rows (`raw_fixture`, golden
cases), what is asked of the result (the tests).
"""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from typing import TYPE_CHECKING

from orchestration.dbt_process import start_dbt
from orchestration.dbt_setup import dbt_environment, dbt_vars
from orchestration.settings import SANDBOX_CONFIG, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def build_warehouse(
    root: Path,
    *,
    as_of: date,
    parsed: Path | None = None,
    select: str = "",
    policies: dict[str, object] | None = None,
    entities: Sequence[str] = (),
    is_tested: bool = True,
    calendar: str = "gregorian",
) -> Path:
    """Run `dbt build` on `root/raw` and return the warehouse file; fail on any red node.

    `entities` are the canonical ones the company has a source for; without `is_tested` no
    dbt test is run, for builds on the way to one that is. Unit tests are `test_unit_tests`.
    `parsed` is the project parsed before (`parsed_project`), which saves doing it again;
    another `calendar` is parsed as another graph.
    """
    settings = load_settings(root=root, config_path=SANDBOX_CONFIG, environ={})
    # What the shared parse was made with; the project is built with the company's own.
    parses = dbt_vars(settings.config, raw=settings.home.raw_from_root)
    parses["calendar"] = calendar
    variables = {
        "calendar": calendar,
        "as_of_date": as_of.isoformat(),
        "load_date": (as_of + timedelta(days=1)).isoformat(),
        "reporting_timezone": "Asia/Ho_Chi_Minh",
        "reporting_currency": "VND",
        "presentation_currencies": ["VND", "USD"],
        "raw_root": str(settings.home.raw_from_root),
        "configured_entities": list(entities),
        "policies": policies or {},
        "build_id": "test",
        "fiscal_year_start_month": 1,
        "company_name": "Acme",
    }
    arguments = [
        "--vars", json.dumps(variables),
        "--exclude-resource-type", "unit_test", *([] if is_tested else ["test"]),
    ]  # fmt: skip
    if select:
        # Tests that need a model outside the selection would fail for its absence.
        arguments += ["--indirect-selection", "cautious", "--select", *select.split()]
    if parsed is not None:
        shutil.copytree(parsed, root / "parsed", dirs_exist_ok=True)
    with start_dbt(
        root,
        dbt_environment(settings),
        target=root / "parsed",
        variables=parses,
        parses="",
        writes_manifest=True,
    ) as dbt:
        told = [*dbt.build(arguments)]
        code = dbt.wait()
    assert code == 0, json.dumps(told[-50:], indent=1)
    return settings.home.warehouse
