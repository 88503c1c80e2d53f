"""Ready snippets for BI tools, with the real path filled in.

Belongs here: one file per tool beside this one, and filling in. Stays out: reading for our own
pages (`orchestration.dashboards`). Every snippet follows the same three steps: read
`current.json` once, go to the folder of the build it names, take every table from there. So a
client that reads table by table reads one build, also while a night publishes the next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PUBLISHED_MARK: Final = "@PUBLISHED@"
AUDIENCE_MARK: Final = "@AUDIENCE@"


def _as_python(text: str) -> str:
    """Return the inside of a Python string in double quotes."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _as_sql(text: str) -> str:
    """Return the inside of an SQL string in single quotes."""
    return text.replace("'", "''")


def _as_m(text: str) -> str:
    """Return the inside of an M string in double quotes, where # starts an escape."""
    return text.replace("#(", "#(#)(").replace('"', '""')


@dataclass(frozen=True)
class Snippet:
    """One tool's file and how a path is written in its language."""

    file: str
    escape: Callable[[str], str]
    about: str


SNIPPETS: Final[Mapping[str, Snippet]] = {
    "powerquery": Snippet(
        "power_bi.pq", _as_m, "Power BI and dataflows (Power Query M)"
    ),
    "duckdb": Snippet("duckdb.sql", _as_sql, "the DuckDB command line and SQL tools"),
    "python": Snippet("python.py", _as_python, "Python with DuckDB"),
    "pandas": Snippet("pandas_frames.py", _as_python, "pandas, exact decimals kept"),
    "excel": Snippet("excel.md", _as_sql, "Excel: through ODBC or a text file"),
}


def fill_in(tool: str, published: Path, *, audience: str) -> str:
    """Return a tool's snippet for one warehouse.

    Raises:
        KeyError: no snippet for that tool.
    """
    snippet = SNIPPETS[tool]
    text = (Path(__file__).parent / snippet.file).read_text("utf-8")
    filled = text.replace(PUBLISHED_MARK, snippet.escape(str(published)))
    return filled.replace(AUDIENCE_MARK, snippet.escape(audience))
