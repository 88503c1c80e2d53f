"""What a build says about itself and no model can know: theme states, code, gates.

Belongs here: the table `build_themes` and the columns added to `build_info`. Stays out: data
through per source, which dbt computes from the ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestration.publish.copying import text
from orchestration.publish.manifest import FRESH
from orchestration.publish.tables import CORE, PublishedTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from orchestration.publish.manifest import ThemeState

BUILD_INFO: Final = "build_info"
_FACT_DOCS: Final = {
    "held_themes": "Themes that are not of this night, comma separated; '' = none.",
    "code_version": "Version or commit of the code that built this.",
    "mart_rule_count": "Rules the mart gate judged for this build.",
    "notes": (
        "Sources without data of this night and time a source no longer remembered when it "
        "was asked, one sentence each; '' = none."
    ),
}
_THEMES: Final = PublishedTable(
    name="build_themes",
    schema="main",
    theme=CORE,
    audiences=("all",),
    description=(
        "One row per theme of the build: whether its tables are of this night (fresh), "
        "of an earlier one because a gate was red (held), or not there yet (absent)."
    ),
    column_docs={
        "theme": "core, sales, marketing or finance.",
        "state": "fresh, held or absent.",
        "theme_as_of_date": "Last complete business day the theme's tables show.",
        "theme_build_id": "Build the theme's tables come from.",
        "build_id": "Build this row belongs to.",
    },
    key=("theme",),
    database="memory",
)


def write_build_themes(
    con: duckdb.DuckDBPyConnection, build_id: str, themes: Mapping[str, ThemeState]
) -> PublishedTable:
    """Create `build_themes` beside the build's own tables and return how to publish it."""
    con.execute(
        "create table memory.main.build_themes (theme varchar, state varchar,"
        " theme_as_of_date date, theme_build_id varchar, build_id varchar)"
    )
    con.executemany(
        "insert into memory.main.build_themes values (?, ?, ?, ?, ?)",
        [
            [name, state.state, state.as_of_date, state.build_id, build_id]
            for name, state in themes.items()
        ],
    )
    return _THEMES


def build_facts(
    themes: Mapping[str, ThemeState],
    code_version: str,
    *,
    mart_rules: int,
    notes: Sequence[str] = (),
) -> str:
    """Return the columns added to every row of `build_info`, as select expressions."""
    held = sorted(name for name, state in themes.items() if state.state != FRESH)
    return (
        f", {text(', '.join(held))} as held_themes"
        f", {text(code_version)} as code_version"
        f", {mart_rules} as mart_rule_count"
        f", {text('; '.join(notes))} as notes"
    )


def comment_facts(con: duckdb.DuckDBPyConnection, target: str) -> None:
    """Document the added columns in the served file."""
    for column, described in _FACT_DOCS.items():
        con.execute(f"comment on column {target}.{column} is {text(described)}")
