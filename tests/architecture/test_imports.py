"""Who may import whom: the contracts hold, and each is seen broken by one wrong line."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ingest", "expectations", "orchestration")
COMPOSERS = {
    "assets", "build", "checks", "event_log", "instance", "jobs", "partitions",
    "resources", "runner", "schedules", "translator",
}  # fmt: skip
"""Modules of `orchestration` that may know Dagster; everything else runs without it."""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_every_contract_is_seen_broken(copied: Path) -> None:
    wrong_lines = {
        "ingest/errors.py": "import expectations.results\nimport dagster\n",
        "ingest/paths.py": "import great_expectations\n",
        "ingest/contracts/stripe.py": "import ingest.sandbox.model\n",
    }
    for name, lines in wrong_lines.items():
        path = copied / name
        path.write_text(path.read_text() + "\n" + lines)
    said = lint_imports(copied).stdout
    assert "4 broken" in said or said.count("BROKEN") == 4, said


def test_only_the_composers_know_dagster() -> None:
    found = {
        path.relative_to(ROOT / "orchestration").with_suffix("").parts[0]
        for path in (ROOT / "orchestration").rglob("*.py")
        if any(name.startswith("dagster") for name in imported_names(path))
    }
    assert found == COMPOSERS


def test_modules_have_names_that_say_something() -> None:
    empty_names = {"utils", "helpers", "common", "misc"}
    named = [p for package in PACKAGES for p in (ROOT / package).rglob("*.py")]
    assert not [path for path in named if path.stem in empty_names]


def imported_names(path: Path) -> set[str]:
    """Modules imported when the file is imported; those inside functions do not count."""
    tree = ast.parse(path.read_text("utf-8"))
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names
