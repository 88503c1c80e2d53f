"""Every unit test of the dbt project, once, on the models of a finished night.

The golden figures of the models live beside them (`_*__unit_tests.yml`). dbt runs those of the
models it is told to build; a night leaves them out, and no golden company builds all models.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.dbt_setup import dbt_environment, dbt_vars, manifest_file
from orchestration.settings import SANDBOX_CONFIG, load_settings

if TYPE_CHECKING:
    from tests.pipeline.conftest import Warehouse


def test_unit_tests_of_all_models_pass(first_night: Warehouse, tmp_path: Path) -> None:
    settings = load_settings(
        root=first_night.root,
        config_path=SANDBOX_CONFIG,
        environ={},
        sandbox_url="http://x",
    )
    manifest = manifest_file(settings)
    shutil.copy(settings.home.warehouse, tmp_path)
    (tmp_path / "raw").symlink_to(settings.home.root / "raw")
    # The parse of the night serves: the same profile, and variables no parse looks at.
    target = tmp_path / "target"
    target.mkdir()
    shutil.copy(manifest.with_name("partial_parse.msgpack"), target)
    variables = dbt_vars(settings.config, raw=settings.home.raw_from_root)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "test", "--select", "test_type:unit",
            "--target-path", str(target), "--vars", json.dumps(variables),
        ],
        env=dbt_environment(settings),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    results = json.loads((target / "run_results.json").read_text("utf-8"))["results"]
    written = json.loads(manifest.read_text("utf-8"))["unit_tests"]
    ran = {one["unique_id"] for one in results if "unit_test." in one["unique_id"]}
    assert ran == set(written)
    assert done.returncode == 0, done.stdout + done.stderr
