"""Tables on a terminal show ids as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from orchestration.cli.options import terminal

if TYPE_CHECKING:
    import pytest


def test_an_id_is_neither_a_symbol_nor_a_style(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`:books:` is a symbol to a console, `[red]` a style it would swallow."""
    table = Table("record")
    table.add_row("line:books:inv-1")
    table.add_row("deal [red] 7")
    terminal().print(table)
    said = capsys.readouterr().out
    assert "line:books:inv-1" in said
    assert "deal [red] 7" in said
