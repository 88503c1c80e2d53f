"""What every test shares: how random examples are drawn, and the parsed project."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Time says how busy the machine is, not whether the code is right: a pause of three seconds
# while examples were drawn made a whole run red.
hypothesis.settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def parsed_project(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """What a root of the sandbox company holds once the dbt project is parsed; copy it.

    Parsing takes some fifteen seconds, so test processes share one parse: whichever needs it first
    makes it, the others wait.
    """
    # Imported here, because it takes as long as many a file of tests.
    from orchestration.dbt_setup import dbt_vars, manifest_file, prepare_manifest  # noqa: PLC0415 - as above
    from orchestration.settings import SANDBOX_CONFIG, load_settings  # noqa: PLC0415 - as above

    folder = tmp_path_factory.getbasetemp()
    # With several processes each has its own folder below the one of the session.
    folder = folder if worker_id == "master" else folder.parent
    settings = load_settings(
        root=folder / "parsed", config_path=SANDBOX_CONFIG, environ={}
    )
    with (folder / "parsed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare_manifest(
            settings, dbt_vars(settings.config, raw=settings.home.raw_from_root)
        )
    return manifest_file(settings).parent
