"""One registry row per KPI, one column per KPI in its theme's month table, nothing else."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from ingest.config_policies import POLICIES
from ingest.contracts.canonical import CONTRACTS

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MONTH_TABLES = {
    "sales": "rpt_sales_monthly",
    "marketing": "rpt_marketing_monthly",
    "finance": "rpt_revenue_monthly",
}
OWN_COLUMNS = {
    "kpi_month_id", "month_start_date", "month_end_date", "currency", "is_partial",
    "as_of_date", "build_id",
}  # fmt: skip


def registry() -> list[dict[str, str]]:
    with (PROJECT / "seeds" / "kpi_registry.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("theme", sorted(MONTH_TABLES))
def test_a_month_table_holds_the_kpis_of_its_theme(theme: str) -> None:
    text = (PROJECT / "models" / "reports" / f"{MONTH_TABLES[theme]}.yml").read_text()
    columns = set(re.findall(r"^      - name: (\w+)", text, re.MULTILINE))
    expected = {row["key"] for row in registry() if row["theme"] == theme}
    assert columns - OWN_COLUMNS == expected


def test_every_kpi_has_both_names_and_definitions() -> None:
    needed = ("name_vi", "name_en", "definition_vi", "definition_en", "formula")
    assert [
        (row["key"], column)
        for row in registry()
        for column in needed
        if not row[column]
    ] == []


def test_a_figure_decided_after_its_month_freezes_when_it_is_decided() -> None:
    """A close signs a month within days: what 90 days may still change is not signed with it."""
    signed_early = [
        row["key"]
        for row in registry()
        if int(row["window_days"] or 0) > 7 and row["freezes_at"] != "window_end"
    ]
    assert signed_early == []


def test_vietnamese_names_spell_out_what_english_abbreviates() -> None:
    """An abbreviation may follow in brackets; alone it is English to most readers."""
    bare = [
        row["name_vi"]
        for row in registry()
        if re.search(r"\b[A-Z]{2,}\b", re.sub(r"\(.*?\)", "", row["name_vi"]))
    ]
    assert bare == []


def test_texts_name_a_variant_as_people_see_it() -> None:
    """`biến thể value` says nothing to a reader; its label does."""
    with (PROJECT / "seeds" / "published_labels.csv").open(encoding="utf-8") as file:
        labels = [row for row in csv.DictReader(file) if row["code_type"] == "variant"]
    codes = "|".join(row["code"] for row in labels)
    words = "|".join(re.escape(row["label_en"]) for row in labels)
    wrong = [
        (row["key"], column)
        for row in registry()
        for column, pattern in (
            ("definition_vi", rf"\b({codes})\b"),
            ("caveats_vi", rf"\b({codes})\b"),
            ("definition_en", rf"variant (?!per |“({words})”)"),
            ("caveats_en", rf"variant (?!per |“({words})”)"),
        )
        if re.search(pattern, row[column])
    ]
    assert wrong == []


def test_caveats_are_told_in_both_languages_or_in_neither() -> None:
    wrong = [
        row["key"]
        for row in registry()
        if bool(row["caveats_vi"]) != bool(row["caveats_en"])
    ]
    assert wrong == []


def test_the_funnel_allows_the_days_the_registry_says() -> None:
    """A period counted for other days than it stays open for would look final too early."""
    text = (
        PROJECT / "models" / "marts" / "marketing" / "kpi_funnel_measures.sql"
    ).read_text()
    counted = dict(re.findall(r"'(\w+_rate)': \([^)]*?'standard': (\d+)", text))
    stated = {row["key"]: row["window_days"] for row in registry()}
    assert len(counted) == 5
    assert counted == {key: stated[key] for key in counted}


def test_policies_of_a_kpi_exist() -> None:

    named = {
        policy for row in registry() for policy in row["policies"].split("|") if policy
    }
    assert named - set(POLICIES) == set()


def test_needed_entities_are_canonical() -> None:

    needed = {e for row in registry() for e in row["required_entities"].split("|")}
    assert needed - {contract.name for contract in CONTRACTS} == set()


def test_terms_of_a_kpi_put_together_from_others_name_kpis_with_measures() -> None:
    """A word that names nothing would be left out of the sum without a trace."""
    own = {row["key"] for row in registry() if not row["numerator_kpis"]}
    of_sums = {
        row["key"]
        for row in registry()
        if row["numerator_kpis"] and set(parts_of(row)) <= measured()
    }
    for row in registry():
        above, below = row["numerator_kpis"], row["denominator_kpis"]
        assert above or not below, row["key"]
        for part in parts_of(row):
            assert part in own | of_sums, f"{row['key']}: {part!r} is no part"


def measured() -> set[str]:
    return {row["key"] for row in registry() if row["aggregation"] != "derived"}


def parts_of(row: dict[str, str]) -> list[str]:
    """Return the KPIs a KPI is put together from."""
    factor = r"([a-z_]+)(?:/[a-z_0-9]+)?(?:@opening)?(?:@total)?(?:@days)?"
    parts: list[str] = []
    for text in (row["numerator_kpis"] + "|" + row["denominator_kpis"]).split("|"):
        if text:
            first, *others = re.sub(r"^-?([0-9]+\*)?", "", text).split("*")
            assert len(others) <= 2, f"{row['key']}: {text!r} multiplies too many"
            for part in (first, *others):
                found = re.fullmatch(factor, part)
                assert found, f"{row['key']}: {text!r} is no term"
                parts.append(found[1])
    return parts


def test_every_line_of_the_articles_is_answered() -> None:
    """`places` are held against the published tables by `test_published`."""
    with (PROJECT / "seeds" / "article_lines.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    counts = {"000": 30, "001": 25, "002": 25, "003": 18, "004": 26}
    assert [line["line_id"] for line in lines] == [
        f"{article}-{number:02}"
        for article, count in counts.items()
        for number in range(1, count + 1)
    ]
    registered = {row["key"]: row["breakdowns"].split("|") for row in registry()}
    wanted = {key for line in lines for key in line["kpi_keys"].split("|") if key}
    assert wanted - set(registered) == set()
    for line in lines:
        assert line["kpi_keys"] or line["places"], line["line_id"]
        keys = [key for key in line["kpi_keys"].split("|") if key in registered]
        for breakdown in filter(None, line["breakdowns"].split("|")):
            is_there = any(breakdown in registered[key] for key in keys) or not keys
            assert is_there, line


def test_every_contribution_names_its_record() -> None:
    """Without it `warehouse explain` has no rows to show for the figure (D-480)."""
    nameless = []
    for path in sorted((PROJECT / "models" / "marts").rglob("kpi_*_measures.sql")):
        text = path.read_text("utf-8")
        block = re.search(r"set records = \{(.*?)\n\} -%\}", text, re.DOTALL)
        named = (
            set(re.findall(r"^    '(\w+)':", block[1], re.MULTILINE))
            if block
            else set()
        )
        used = set(re.findall(r"of='(\w+)'", text))
        # `of='wins_of_' ~ period` stands for the relation of each length of period.
        nameless += [
            (path.stem, relation)
            for relation in sorted(used)
            if relation not in named and not any(n.startswith(relation) for n in named)
        ]
    assert nameless == []
