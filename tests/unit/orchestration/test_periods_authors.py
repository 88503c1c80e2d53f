"""Who last changed an area's models, as git knows it; unknown is said, never guessed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.periods import AREAS
from orchestration.periods.authors import _OWN, _SHARED, model_changes
from tests.unit.orchestration.closing_desk import HOA, Desk

PROJECT = Path(__file__).resolve().parents[3] / "dbt_project"
FINANCE, SALES = "models/marts/finance/fct_a.sql", "models/marts/sales/fct_b.sql"


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), *words],
        check=True,
        capture_output=True,
    )


def commit(folder: Path, who: str, *paths: str) -> None:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"select '{who}'")
    git(folder, "add", "-A")
    git(
        folder, "-c", f"user.name={who}", "-c", "user.email=a@b.example",
        "commit", "-qm", "m",
    )  # fmt: skip


def authors(project: Path) -> dict[str, str]:
    return {
        area: change.get("author", "")
        for area, change in model_changes(project).items()
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project below a checkout: Nam wrote it, then Hoa changed finance."""
    project = tmp_path / "checkout" / "project"
    project.mkdir(parents=True)
    git(project.parent, "init", "-q")
    commit(project, "Nam", FINANCE, SALES)
    commit(project, "Hoa", FINANCE)
    return project


def test_an_area_is_last_changed_by_who_committed_its_models(checkout: Path) -> None:
    assert authors(checkout) == {"finance": "Hoa", "sales": "Nam", "marketing": ""}
    # What all areas are made of is of each.
    commit(checkout, "Minh", "macros/money.sql")
    assert set(authors(checkout).values()) == {"Minh"}


def test_what_is_not_committed_has_no_author(checkout: Path) -> None:
    (checkout / FINANCE).write_text("select 2")
    assert authors(checkout) == {"finance": "", "sales": "Nam", "marketing": ""}


def test_without_git_nobody_knows(checkout: Path) -> None:
    """As an installed package has it, and a container without the history."""
    shutil.rmtree(checkout.parent / ".git")
    assert authors(checkout) == dict.fromkeys(AREAS, "")


def test_a_clone_without_its_history_does_not_name_its_oldest_commit(
    checkout: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{checkout.parent}", "short")
    assert authors(tmp_path / "short" / "project") == dict.fromkeys(AREAS, "")


def test_every_folder_of_models_is_somebodys() -> None:
    known = {*_SHARED, *(path for paths in _OWN.values() for path in paths)}
    folders = {
        path.parent.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "models").rglob("*.sql")
    }
    assert [
        folder
        for folder in sorted(folders)
        if not any(f"{folder}/".startswith(f"{one}/") for one in known)
    ] == []


@pytest.mark.parametrize(
    ("author", "said", "same"),
    [
        (HOA, f"last changed by {HOA} (the closer: nobody else", True),
        ("Trần Văn Nam", "last changed by Trần Văn Nam\n", False),
        ("", "last changed by nobody known (so nobody can say", None),
    ],
)
def test_a_close_says_whether_the_closer_made_the_models(
    tmp_path: Path, author: str, said: str, *, same: bool | None
) -> None:
    desk = Desk(tmp_path, {("billings", "2026-10"): "250.5"})
    desk.publish(author=author)
    record = desk.close("2026-10").record["model_change"]
    assert (record["author"], record["is_closer"]) == (author, same)
    desk.reopen("2026-10")
    told = CliRunner().invoke(
        app,
        [
            "close", "2026-10", "--area", "finance", "--by", HOA,
            "--root", str(tmp_path), "--config", str(tmp_path / "warehouse.yml"),
        ],
    )  # fmt: skip
    assert said in told.stdout
