"""What people open: the page and the Monday workbook.

Belongs here: turning one published build into files for people. Stays out: the build file, raw
data, Dagster: they read only the published folder, so they can never show what was not gated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.dashboards.page import render_page
from orchestration.dashboards.workbook import render_workbooks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def render_pages(build_dir: Path) -> Mapping[str, bytes]:
    """Return every file people open out of a build, by its name there."""
    return {
        "index.html": render_page(build_dir).encode(),
        **render_workbooks(build_dir),
    }
