"""Changed models that would move closed figures wait until a named person approves."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from typer.testing import CliRunner

from ingest.errors import ConfigError
from orchestration.cli import app
from orchestration.diff import BuiltFrom, Side
from orchestration.periods.chain import ChainBrokenError, close_dir, verify_closes
from orchestration.periods.closing import approve_change
from orchestration.periods.moved import (
    THEMES,
    ChangeToApprove,
    change_id_of,
    find_changes_to_approve,
    theme_origins,
    waiting_changes,
)
from orchestration.rehearsal import BUILT_FROM, built_from
from tests.unit.orchestration.closing_desk import HOA, NOW, Desk, write_build_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Readers see October's billings as 250.5, made by models m1."""
    desk = Desk(tmp_path, {("billings", "2026-10"): "250.5"})
    desk.publish()
    desk.close("2026-10")
    return desk


class Rehearsal:
    """What tonight's models make of the published day, and whether anybody asked."""

    def __init__(self, root: Path, billings: str) -> None:
        self.path = write_build_file(root / "rehearsed.duckdb", billings)
        self.asked: list[date | None] = []

    @contextmanager
    def __call__(self, _settings: Any, *, as_of: date | None = None) -> Iterator[Side]:
        self.asked.append(as_of)
        yield Side("rehearsed", self.path, BuiltFrom(str(as_of)))


def find(desk: Desk, rehearsal: Rehearsal, built: str) -> list[ChangeToApprove]:
    write_build_file(desk.settings.home.warehouse, built)
    return find_changes_to_approve(
        desk.settings, say=lambda _: None, rehearse=rehearsal
    )


def test_a_change_of_models_that_moves_a_closed_figure_waits(desk: Desk) -> None:
    rehearsal = Rehearsal(desk.root, "260")
    (change,) = find(desk, rehearsal, "261")
    assert [str(day) for day in rehearsal.asked] == ["2026-12-02"]
    assert change.area == "finance"
    (move,) = change.moves
    assert (move["kpi_key"], str(move["period_start_date"])) == (
        "billings",
        "2026-10-01",
    )
    # What late rows moved beyond it (261) is none of the change's.
    assert (str(move["old_value"]), str(move["new_value"])) == (
        "250.500000",
        "260.000000",
    )
    assert (move["old_version"], move["new_version"]) == ("1+none", "2+none")
    assert f"warehouse approve {change.change_id} --by" in change.describe()
    assert list(waiting_changes(desk.root)) == [change.change_id]


def test_diff_shows_what_a_waiting_change_moves_without_a_build(desk: Desk) -> None:
    (change,) = find(desk, Rehearsal(desk.root, "260"), "261")
    words = ["--root", str(desk.root), "--config", str(desk.root / "warehouse.yml")]
    assert f"look: warehouse diff {change.change_id};" in change.describe()
    told = CliRunner().invoke(app, ["diff", change.change_id, *words])
    assert told.exit_code == 0, told.output
    row = " ".join(told.stdout.split())
    assert f"closed figures {change.change_id} would move" in row
    assert "billings │ 2026-10 │ VND │ 250.5 │ 260 │ 9.5 │ +3.8% │ definition" in row
    exact = CliRunner().invoke(app, ["diff", change.change_id, "--json", *words])
    (figure,) = json.loads(exact.stdout)["figures"]
    assert (figure["old"], figure["new"]) == ("250.500000", "260.000000")
    other = [*words, "--kpi", "mrr"]
    assert (
        "billings"
        not in CliRunner().invoke(app, ["diff", change.change_id, *other]).stdout
    )


def test_figures_that_keep_their_value_but_not_their_parts_are_told_apart(
    desk: Desk,
) -> None:
    """A quotient of 2 ÷ 4 that is now made of 3 ÷ 6 moved no value, and was signed with parts."""
    rehearsal = Rehearsal(desk.root, "260")
    change_parts(desk, rehearsal)
    (change,) = find(desk, rehearsal, "261")
    assert "would move 1 closed figure of billings, and 1 more kept" in (
        change.describe()
    )
    words = ["--root", str(desk.root), "--config", str(desk.root / "warehouse.yml")]
    told = CliRunner().invoke(
        app, ["diff", change.change_id, "--by", "all", "--json", *words]
    )
    states = {f["member_id"]: f["state"] for f in json.loads(told.stdout)["figures"]}
    assert states == {"(total)": "moved", "NV1": "parts"}
    shown = json.loads(waiting_changes(desk.root)[change.change_id].read_text())
    (kept,) = [move for move in shown["moves"] if move["member_id"] == "NV1"]
    assert (kept["old_numerator"], kept["new_numerator"]) == ("2.000000", "3.000000")


def test_parts_alone_wait_too(desk: Desk) -> None:
    rehearsal = Rehearsal(desk.root, "250.5")
    change_parts(desk, rehearsal)
    (change,) = find(desk, rehearsal, "261")
    assert (
        "would move the parts, not the value, of 1 closed figure of billings;"
        in change.describe()
    )


def change_parts(desk: Desk, rehearsal: Rehearsal) -> None:
    """Give a member of October 2 ÷ 4 as readers see it and 3 ÷ 6 as rehearsed."""
    served = (desk.root / "published" / "current" / "bi.duckdb").resolve()
    served.chmod(0o644)
    for path, top, bottom in ((served, 2, 4), (rehearsal.path, 3, 6)):
        with duckdb.connect(str(path)) as con:
            con.execute(
                "insert into rpt_kpi_values by name select '1+none' as kpi_version,"
                " 'billings' as kpi_key, 'standard' as variant, 'current' as basis,"
                " 'month' as grain, date '2026-10-01' as period_start_date,"
                " 'rep' as breakdown, 'NV1' as member_id, 'VND' as currency,"
                " ? as numerator, ? as denominator, 0.5 as value",
                [top, bottom],
            )


def test_late_rows_alone_wait_for_nobody(desk: Desk) -> None:
    rehearsal = Rehearsal(desk.root, "250.5")
    assert find(desk, rehearsal, "261") == []
    assert len(rehearsal.asked) == 1


def test_nothing_is_built_twice_where_no_closed_figure_moved(desk: Desk) -> None:
    rehearsal = Rehearsal(desk.root, "1")
    # November moved, which is not closed.
    assert find(desk, rehearsal, "250.5") == []
    assert rehearsal.asked == []


def test_the_same_models_and_policies_are_never_suspected(desk: Desk) -> None:
    now = built_from(desk.settings)
    origin = {"models": now["models"], "policies": now["policies"]}
    desk.publish(quality={BUILT_FROM: {THEMES: {"finance": origin}, "models": "m0"}})
    rehearsal = Rehearsal(desk.root, "1")
    assert find(desk, rehearsal, "261") == []
    assert rehearsal.asked == []


def test_an_approved_change_passes_and_another_one_does_not(desk: Desk) -> None:
    rehearsal = Rehearsal(desk.root, "260")
    (change,) = find(desk, rehearsal, "260")
    words = ["--root", str(desk.root), "--config", str(desk.root / "warehouse.yml")]
    told = CliRunner().invoke(
        app,
        ["approve", change.change_id, "--by", HOA, "--reason", "credit notes", *words],
    )
    assert f"{change.change_id} is approved by {HOA}" in told.stdout
    assert find(desk, rehearsal, "260") == []
    assert waiting_changes(desk.root) == {}
    entry = verify_closes(desk.root)[-1]
    assert (entry.kind, entry.subject, entry.reason) == (
        "approve",
        change.change_id,
        "credit notes",
    )
    kept = close_dir(desk.root, entry) / "moves.json"
    assert json.loads(kept.read_text())["moves"][0]["kpi_key"] == "billings"
    other = change_id_of("finance", {"models": "m9", "policies": {}})
    assert other != change.change_id
    kept.write_text(kept.read_text().replace("260", "250"))
    with pytest.raises(
        ChainBrokenError, match=r"approve of change-finance-.*moves\.json"
    ):
        verify_closes(desk.root)


def test_only_what_waits_can_be_approved_by_somebody_with_a_reason(desk: Desk) -> None:
    find(desk, Rehearsal(desk.root, "260"), "260")
    (waiting,) = waiting_changes(desk.root)
    for change_id, by, reason, said in (
        (waiting[:-1], HOA, "r", "no change .* waits for approval; did you mean"),
        (waiting, " ", "r", "--by must name"),
        (waiting, HOA, "", "--reason must say"),
    ):
        with pytest.raises(ConfigError, match=said):
            approve_change(desk.settings, change_id, by=by, reason=reason, now=NOW)


def test_a_held_theme_keeps_the_origin_of_what_readers_see(desk: Desk) -> None:
    origins = theme_origins(desk.settings, frozenset({"finance"}))
    assert origins["finance"] == {"models": "m1", "policies": {}}
    now = built_from(desk.settings)
    assert origins["sales"]["models"] == now["models"] != "m1"
