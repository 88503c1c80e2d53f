"""The KPI truth of the sandbox company by the members of a breakdown.

Belongs here: adding up contributions per member, and what is put together from them. Stays out:
which contributions there are, and the company's own figures (`truth`).

Decisions that concern members:

* a member without a row of its own did nothing, where the company has a figure at all; what is
  known of no member of a breakdown is the company's for each of them;
* a member has a quotient in the periods it has a part of one in;
* growth is over what the member had in the earlier period, nothing where it had no row.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Final

from ingest.sandbox import (
    truth_activities,
    truth_attribution,
    truth_crm,
    truth_deals,
    truth_funnel,
    truth_marketing,
    truth_pipeline,
)
from ingest.sandbox.truth import kpi_truth
from ingest.sandbox.truth_aims import aim, capacity_by_function, cover, scopes_of
from ingest.sandbox.truth_attribution import RETURNS, divide_returns
from ingest.sandbox.truth_described import CRM_ENTITY, member_of
from ingest.sandbox.truth_money import round_ratio
from ingest.sandbox.truth_quotients import (
    COMPOUNDS,
    QUOTIENTS,
    compared,
    divide,
    key_of,
    multiply,
    run,
)
from ingest.sandbox.truth_rows import (
    ZERO,
    Contribution,
    Figure,
    Night,
    open_night,
    period_start,
    periods_until,
)
from ingest.sandbox.truth_sums import MEDIANS, Key, add_up, contributions_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from ingest.sandbox.model import Company

MemberKey = tuple[str, str, "date", str | None]
"""(KPI, member, first day of the period, presentation currency or None)."""
_Asked = dict[str, set[str]]
"""KPI -> the parts it is put together from."""
_When = tuple["date", str]
"""As-of day and grain."""
_OF_THE_CRM: Final = {
    *truth_crm.KPIS,
    *truth_activities.KPIS,
    *truth_funnel.KPIS,
    *truth_deals.KPIS,
    *truth_pipeline.KPIS,
    *truth_attribution.KPIS,
    *truth_marketing.KPIS,
}
"""KPIs whose records all belong to the legal entity of the CRM and the dropped files."""
_COMPANYS: Final = ("gross_margin_rate", "lead_to_sale_rate/period", "avg_deal_size")
"""What the returns of marketing take of the company, whoever is asked about."""


def kpi_truth_by(
    company: Company,
    as_of: date,
    breakdown: str,
    *,
    grain: str = "month",
    first_as_of: date | None = None,
) -> dict[MemberKey, Figure]:
    """Return every figure the truth tells by the members of a breakdown.

    Members without a row in a period are not there.
    """
    night = open_night(company, as_of, first_as_of)
    figures = kpi_truth(company, as_of, grain=grain, first_as_of=first_as_of)
    if breakdown == "business_function":
        return capacity_by_function(night, figures, grain)
    by_member: dict[str, list[Contribution]] = defaultdict(list)
    for row in contributions_of(night, grain):
        member = _member(row, breakdown)
        if member is not None:
            by_member[member].append(row)
    known = {member: add_up(rows, grain) for member, rows in by_member.items()}
    told = {key for own in known.values() for key, *_ in own}
    for own in known.values():
        own.update(_put_together(own, figures, told, (as_of, grain)))
        own.update(_grow(night, own, figures, grain))
        own.update(run(night, own, grain))
    for member in scopes_of(night, breakdown):
        own = known.setdefault(member, {})
        own.update(aim(night, own, grain, (breakdown, member)))
        own.update(cover(night, own, grain, (breakdown, member)))
    found = {
        (key, member, start, currency): figure
        for member, own in known.items()
        for (key, start, currency), figure in own.items()
    }
    return {**found, **_share(found)}


def kpi_medians(
    company: Company,
    as_of: date,
    breakdown: str = "total",
    *,
    grain: str = "month",
    first_as_of: date | None = None,
) -> dict[tuple[str, str, date], Decimal]:
    """Return the median of the KPIs that have one, by (KPI, member, period).

    Periods without a case are not there.
    """
    night = open_night(company, as_of, first_as_of)
    cases: dict[tuple[str, str, date], list[Decimal]] = defaultdict(list)
    for row in contributions_of(night, grain):
        if row.kpi_key not in MEDIANS:
            continue
        member = "(total)" if breakdown == "total" else _member(row, breakdown)
        if member is not None:
            start = period_start(row.day, grain)
            cases[row.kpi_key, member, start].append(row.numerator)
    return {key: Decimal(median(values)) for key, values in cases.items()}


def _member(row: Contribution, breakdown: str) -> str | None:
    """Return under which member a row counts; None = the truth does not tell."""
    found = member_of(row, breakdown)
    if found is None and breakdown == "legal_entity" and row.kpi_key in _OF_THE_CRM:
        return CRM_ENTITY
    return found


def _put_together(
    own: Mapping[Key, Figure],
    company: Mapping[Key, Figure],
    told: set[str],
    when: _When,
) -> dict[Key, Figure]:
    """Return a member's quotients, then the products of those, then marketing's returns."""
    known = dict(own)
    known_keys = set(told)
    found: dict[Key, Figure] = {}
    for parts_of, combine in _STEPS:
        asked = {
            kpi: parts
            for kpi, parts in parts_of.items()
            if any(key_of(part) in known_keys for part in parts)
        }
        needed = {key_of(part) for parts in asked.values() for part in parts}
        filled = _fill(known, company, known_keys, needed)
        made = combine(filled, company, when, asked)
        found.update(
            {
                (kpi, start, currency): figure
                for (kpi, start, currency), figure in made.items()
                if any(_has(known, p, start, currency, when[1]) for p in asked[kpi])
            }
        )
        known.update(found)
        known_keys |= set(asked)
    return found


def _has(
    known: Mapping[Key, Figure],
    part: str,
    start: date,
    currency: str | None,
    grain: str,
) -> bool:
    """Return whether a member has a row of a part in the period it is taken of."""
    if part.startswith("opening "):
        start = period_start(start - timedelta(days=1), grain)
    key = key_of(part)
    return (key, start, currency) in known or (key, start, None) in known


def _divide(
    filled: Mapping[Key, Figure],
    company: Mapping[Key, Figure],
    when: _When,
    asked: _Asked,
) -> dict[Key, Figure]:
    """Return a member's quotients of sums."""
    quotients = {kpi: QUOTIENTS[kpi] for kpi in asked}
    return divide(filled, *when, quotients, company)


def _multiply(
    filled: Mapping[Key, Figure], _: object, when: _When, asked: _Asked
) -> dict[Key, Figure]:
    """Return a member's products and quotients of figures put together already."""
    return multiply(filled, *when, {kpi: COMPOUNDS[kpi] for kpi in asked})


def _return(
    filled: Mapping[Key, Figure],
    company: Mapping[Key, Figure],
    when: _When,
    asked: _Asked,
) -> dict[Key, Figure]:
    """Return what marketing returned with a member."""
    of_company = {key: figure for key, figure in company.items() if key[0] in _COMPANYS}
    return {
        (kpi, start, currency): figure
        for start in periods_until(*when)
        for kpi, currency, figure in divide_returns({**filled, **of_company}, start)
        if kpi in asked
    }


def _parts_of_returns() -> dict[str, set[str]]:
    """Return what each return of marketing knows by member."""
    parts = {
        kpi: {
            "attributed_net_revenue" + kpi.removeprefix("marketing_roi"),
            "marketing_cost_full",
        }
        for kpi in RETURNS
    }
    parts["marketing_roi_modelled"] = {"leads_created", "marketing_cost_full"}
    return parts


_STEPS: Final = (
    (
        {
            kpi: {term for _, term in above + below}
            for kpi, (above, below) in QUOTIENTS.items()
        },
        _divide,
    ),
    ({kpi: {*above, *below} for kpi, (above, below) in COMPOUNDS.items()}, _multiply),
    (_parts_of_returns(), _return),
)
"""What is put together, from which parts, and how; each may use what was before."""


def _fill(
    known: Mapping[Key, Figure],
    company: Mapping[Key, Figure],
    told: set[str],
    needed: set[str],
) -> dict[Key, Figure]:
    """Return a member's figures with 0 where it has no row and the company has a figure."""
    nothing = Figure(ZERO, None, ZERO)
    filled = {
        key: nothing if key[0] in told and figure.value is not None else figure
        for key, figure in company.items()
        if key[0] in needed
    }
    filled.update(known)
    return filled


def _grow(
    night: Night, own: Mapping[Key, Figure], company: Mapping[Key, Figure], grain: str
) -> dict[Key, Figure]:
    """Return the growth of a member's revenue, in periods it has revenue in."""
    found: dict[Key, Figure] = {}
    for one in compared(night, grain):
        if one.now not in own:
            continue
        base = own[one.earlier].numerator if one.earlier in own else None
        if base is None and one.earlier in company:
            base = ZERO
        value = own[one.now].numerator
        found[one.key] = one.grow(value, base if one.is_whole else None)
    return found


def _share(found: Mapping[MemberKey, Figure]) -> dict[MemberKey, Figure]:
    """Return the shares among the figures over the sum of all members."""
    sums: dict[Key, Decimal] = defaultdict(lambda: ZERO)
    for key, start, currency, figure in _shares(found):
        sums[key, start, currency] += figure.numerator
    return {
        (key, member, start, currency): Figure(
            figure.numerator,
            sums[key, start, currency],
            round_ratio(figure.numerator, sums[key, start, currency]),
        )
        for (key, member, start, currency), figure in found.items()
        if key in truth_deals.SHARES
    }


def _shares(
    found: Mapping[MemberKey, Figure],
) -> Iterable[tuple[str, date, str | None, Figure]]:
    """Yield the figures that are shares of the company's own sum."""
    for (key, _, start, currency), figure in found.items():
        if key in truth_deals.SHARES:
            yield key, start, currency, figure
