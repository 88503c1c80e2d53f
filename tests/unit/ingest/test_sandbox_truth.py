"""The KPI truth: it obeys the identities of the catalogue and its worked numbers."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from ingest.sandbox.company import build_company
from ingest.sandbox.finance import rates_until
from ingest.sandbox.model import Company, Version, Versioned
from ingest.sandbox.story import at_local
from ingest.sandbox.truth import KPI_KEYS, kpi_truth
from ingest.sandbox.truth_aims import targets_in_force
from ingest.sandbox.truth_attribution import MODELS, Seen, split, weigh
from ingest.sandbox.truth_billing import _count_move, _Move, mrr_of
from ingest.sandbox.truth_by import kpi_truth_by
from ingest.sandbox.truth_crm import latest_close, snapshot_pipeline
from ingest.sandbox.truth_deals import SHARES
from ingest.sandbox.truth_money import FLOW, STOCK, RateTable, read_rates, round_ratio
from ingest.sandbox.truth_rows import (
    CURRENCIES,
    Figure,
    Night,
    open_night,
    periods_until,
)
from ingest.sandbox.truth_sums import MEASURED

AS_OF = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 19, tzinfo=UTC)
MONTHS = list(periods_until(AS_OF, "month"))
# Counting a night takes ten seconds, so tests of other nights share three.
QUARTER_END, DAY_AFTER = date(2026, 6, 30), date(2026, 7, 1)
TWO_DAYS_AFTER = date(2026, 7, 2)


@cache
def company() -> Company:
    return build_company(until=NOW + timedelta(days=40))


@cache
def truth(as_of: date = AS_OF, grain: str = "month") -> dict[Any, Figure]:
    return kpi_truth(company(), as_of, grain=grain)


def test_every_kpi_has_a_figure_in_every_month() -> None:
    keys = {key for key, _, _ in truth()}
    # Growth by other bases of revenue comes with the key it is a reading of.
    keys -= {key for key in keys if key.startswith("sales_growth") and "/" in key}
    assert keys == set(KPI_KEYS) - {"sales_growth_qoq"}
    assert len(KPI_KEYS) == len(set(KPI_KEYS))
    for kpi in keys:
        months = {start for key, start, _ in truth() if key == kpi}
        assert months == set(MONTHS), kpi


def test_the_story_moves_every_kpi() -> None:
    # The company's own share of anything is 1; people reached have no monthly value, for there
    # is more than one post in every month; stays not over are of the as-of day only; and nobody
    # called again has bought yet. Every contact of the story has a creation, so everybody's
    # conversion time is known. The books tie out, so nothing is left to explain.
    still = {
        "conversion_time_coverage",
        "sales_growth_qoq",
        *(key for key in KPI_KEYS if key.startswith("product_sales_share")),
        "social_reach",
        "time_in_stage/open",
        "reengagement_win_rate",
        "recon_difference",
        *SHARES,
    }
    for kpi in set(KPI_KEYS) - still:
        values = {f.value for (key, _, _), f in truth().items() if key == kpi}
        assert len(values) > 3, kpi


BRIDGE = [kpi for kpi in MEASURED if kpi.endswith("mrr")]


@pytest.mark.parametrize("currency", CURRENCIES)
def test_the_mrr_bridge_closes_to_the_minor_unit(currency: str) -> None:
    opening = Decimal(0)
    for start in MONTHS:
        figure = {kpi: truth()[kpi, start, currency].numerator for kpi in BRIDGE}
        moved = (
            figure["new_mrr"]
            + figure["expansion_mrr"]
            + figure["reactivation_mrr"]
            - figure["contraction_mrr"]
            - figure["churned_mrr"]
            + figure["fx_mrr"]
        )
        assert moved == figure["net_new_mrr"]
        assert opening + moved == figure["mrr"]
        opening = figure["mrr"]


def moved(
    own: str, before: str, after: str, *, paid_before: bool
) -> dict[str, Decimal]:
    rates = RateTable(
        {
            (STOCK, date(2026, 1, 30)): Decimal(25_000),
            (STOCK, date(2026, 2, 27)): Decimal(26_000),
        }
    )
    night = Night(company(), AS_OF, AS_OF, rates)
    move = _Move(own, Decimal(before), Decimal(after), paid_before)
    rows = _count_move(night, move, date(2026, 1, 31), date(2026, 2, 28), {})
    return {row.kpi_key: row.numerator for row in rows if row.currency == "VND"}


@pytest.mark.parametrize(
    ("before", "after", "paid_before", "kpi", "change"),
    [
        ("0", "120", False, "new_mrr", 120),
        ("0", "60", True, "reactivation_mrr", 60),
        ("100", "150", True, "expansion_mrr", 50),
        ("200", "150", True, "contraction_mrr", 50),
        ("50", "0", True, "churned_mrr", 50),
    ],
)
def test_a_movement_is_of_one_kind(
    before: str,
    after: str,
    paid_before: bool,  # noqa: FBT001  # pytest hands it over by name
    kpi: str,
    change: int,
) -> None:
    rows = moved("VND", before, after, paid_before=paid_before)
    assert rows.pop(kpi) == change
    assert rows == {"net_new_mrr": Decimal(after) - Decimal(before)}


def test_rates_alone_make_no_movement_but_the_fx_line() -> None:
    assert moved("USD", "100", "100", paid_before=True) == {
        "fx_mrr": 100_000,
        "net_new_mrr": 100_000,
    }


def test_churn_and_retention_share_the_opening_customers() -> None:
    for before, start in itertools.pairwise(MONTHS):
        churn = truth()["customer_churn_rate", start, None]
        kept = truth()["customer_retention_rate", start, None]
        assert churn.denominator == kept.denominator
        assert churn.denominator == truth()["paying_customers", before, None].numerator
        assert churn.numerator + kept.numerator == churn.denominator


@pytest.mark.parametrize(
    ("breakdown", "kpis"),
    [
        (
            "rep",
            [
                "calls_made",
                "deals_won",
                "deals_lost",
                "sales_bookings",
                "opportunities_created",
                "active_deals",
                "open_pipeline_value",
            ],
        ),
        ("stage", ["active_deals", "open_pipeline_value"]),
        ("lead_source_group", ["leads_created", "mql_count", "sql_count"]),
        ("campaign", ["ad_spend", "impressions", "clicks"]),
        ("currency", ["mrr", "sales_revenue"]),
        ("channel", ["attributed_revenue", "attributed_leads"]),
        ("platform", ["attributed_revenue", "attributed_leads"]),
        ("product", ["attributed_revenue"]),
    ],
)
def test_a_breakdown_adds_up_to_its_total(breakdown: str, kpis: list[str]) -> None:
    parts = kpi_truth_by(company(), AS_OF, breakdown)
    sums: dict[Any, Decimal] = {}
    for (kpi, _, start, currency), figure in parts.items():
        key = (kpi, start, currency)
        sums[key] = sums.get(key, Decimal(0)) + figure.numerator
    for key, figure in truth().items():
        if key[0] in kpis:
            assert sums.get(key, Decimal(0)) == figure.numerator, key
    assert {kpi for kpi, _, _ in sums} >= set(kpis)


STOCKS = {
    "deferred_revenue_closing",
    "active_deals",
    "paying_customers",
    "open_pipeline_value",
    "mrr",
    "churn_scheduled",
    "weighted_pipeline",
    "forecast_sales",
    "forecast_deals",
    "open_pipeline_due",
    "reengagement_due",
    "reengagement_due/overdue",
    "opportunity_value_annual",
}


def test_quarters_and_years_add_months_up() -> None:
    summed = {kpi for kpi, kind in MEASURED.items() if not kind.is_ratio} - STOCKS
    for grain in ("quarter", "year"):
        for (kpi, start, currency), figure in truth(AS_OF, grain).items():
            months = [m for m in MONTHS if start <= m and m in months_of(start, grain)]
            if figure.value is None:  # a part nobody recorded
                continue
            if kpi in summed:
                added = sum(truth()[kpi, m, currency].numerator for m in months)
                assert figure.numerator == added, (kpi, start)
            elif kpi in {"mrr", "active_deals"}:
                last = truth()[kpi, months[-1], currency]
                assert figure.numerator == last.numerator, (kpi, start)


def months_of(start: date, grain: str) -> list[date]:
    count = {"quarter": 3, "year": 12}[grain]
    return [date(start.year, start.month + i, 1) for i in range(count)]


def test_growth_compares_whole_periods_only() -> None:
    revenue = {m: truth()["sales_revenue", m, "VND"].numerator for m in MONTHS}
    now, before, year_ago = date(2026, 10, 1), date(2026, 9, 1), date(2025, 10, 1)
    for kpi, base in (("sales_growth_mom", before), ("sales_growth_yoy", year_ago)):
        figure = truth()[kpi, now, "VND"]
        assert figure.numerator == revenue[now] - revenue[base]
        assert figure.denominator == revenue[base]
    assert truth()["sales_growth_mom", MONTHS[0], "VND"].value is None
    cut_short = truth(TWO_DAYS_AFTER)
    assert cut_short["sales_growth_mom", date(2026, 7, 1), "VND"].value is None
    quarters = truth(QUARTER_END, "quarter")
    assert quarters["sales_growth_qoq", date(2026, 4, 1), "VND"].value is not None


def test_the_target_in_force_follows_its_revision() -> None:
    october = date(2026, 10, 1)
    before = {
        t.period_start: t.value
        for t in targets_in_force(open_night(company(), date(2026, 7, 14)))
        if t.scope_type == "total"
    }
    after = truth()["sales_target", october, "VND"].numerator
    assert after > before[october]
    figure = truth()["target_attainment", october, "VND"]
    assert figure.denominator == after
    assert figure.numerator == truth()["sales_revenue", october, "VND"].numerator


def test_a_night_counts_nothing_that_happened_after_its_day() -> None:
    short = build_company(until=at_local(DAY_AFTER, 2))
    assert kpi_truth(short, QUARTER_END) == truth(QUARTER_END)


def test_events_after_midnight_wait_for_the_next_night() -> None:
    calls = {
        as_of: truth(as_of)["calls_made", date(2026, 7, 1), None].numerator
        for as_of in (DAY_AFTER, TWO_DAYS_AFTER)
    }
    assert calls[DAY_AFTER] < calls[TWO_DAYS_AFTER]
    assert ("calls_made", date(2026, 7, 1), None) not in truth(QUARTER_END)


def test_a_restated_day_changes_later_nights() -> None:
    march = ("ad_spend", date(2026, 3, 1), "VND")
    first, settled = truth(date(2026, 3, 31))[march], truth(QUARTER_END)[march]
    assert first != settled
    assert truth(TWO_DAYS_AFTER)[march] == settled


def test_a_deal_deleted_long_before_the_first_night_is_unknown_to_it() -> None:
    old = open_night(company(), AS_OF, first_as_of=date(2025, 1, 31))
    new = open_night(company(), AS_OF)
    counts = {
        night.first_as_of: sum(
            row.kpi_key == "active_deals"
            for month in MONTHS[3:12]
            for row in snapshot_pipeline(night, month)
        )
        for night in (old, new)
    }
    assert counts[old.first_as_of] > counts[new.first_as_of]


def rate_table(**rates: str) -> RateTable:
    return RateTable(
        {(kind, date(2026, 1, 9)): Decimal(rate) for kind, rate in rates.items()}
    )


def test_conversion_rounds_once_half_away_from_zero() -> None:
    rates = rate_table(average_transfer="25431.5", closing="25000")
    friday, sunday = date(2026, 1, 9), date(2026, 1, 11)
    assert rates.convert(Decimal("10.01"), "USD", "VND", friday, FLOW) == 254569
    assert rates.convert(Decimal("10.01"), "USD", "VND", sunday, FLOW) == 254569
    assert rates.convert(Decimal(125), "VND", "USD", friday, STOCK) == Decimal("0.01")
    assert rates.convert(Decimal(-125), "VND", "USD", friday, STOCK) == Decimal("-0.01")
    assert rates.convert(Decimal("2.5"), "VND", "VND", friday, STOCK) == 3
    with pytest.raises(LookupError):
        rates.convert(Decimal(1), "USD", "VND", date(2026, 1, 17), FLOW)


def test_a_correction_counts_from_its_publication_on() -> None:
    published: dict[Any, list[Any]] = {}
    for rate in rates_until(7, NOW):
        published.setdefault((rate.rate_type, rate.rate_date), []).append(rate)
    key, (first, second) = next(
        (key, rates) for key, rates in published.items() if len(rates) == 2
    )
    tick = timedelta(microseconds=1)
    assert read_rates(7, second.published_at - tick).by_day[key] == first.rate
    assert read_rates(7, second.published_at).by_day[key] == second.rate


def test_nothing_over_nothing_has_no_value() -> None:
    assert round_ratio(Decimal(0), Decimal(0)) is None
    assert round_ratio(Decimal(1), Decimal(3)) == Decimal("0.333333")
    assert round_ratio(Decimal(2), Decimal(3)) == Decimal("0.666667")


def subscription(**changes: Any) -> dict[str, Any]:
    item = {
        "unit_amount_minor": 1_000,
        "quantity": 3,
        "interval": "month",
        "interval_count": 1,
        "usage_type": "licensed",
        "currency": "USD",
        **changes.pop("item", {}),
    }
    return {
        "status": "active",
        "is_paused": False,
        "discount_percent": None,
        "discount_amount_minor": None,
        "discount_ends_at": None,
        "items": (item,),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "30.00"),
        ({"status": "past_due"}, "30.00"),
        ({"status": "trialing"}, "0"),
        ({"status": "unpaid"}, "0"),
        ({"is_paused": True}, "0"),
        ({"item": {"usage_type": "metered", "quantity": None}}, "0"),
        ({"item": {"interval": "year"}}, "2.50"),
        ({"item": {"interval": "week"}}, "130.00"),
        ({"item": {"interval": "day"}}, "912.50"),
        ({"item": {"interval_count": 3}}, "10.00"),
        ({"item": {"currency": "VND", "interval": "year"}}, "250"),
        ({"discount_percent": 15}, "25.50"),
        ({"discount_amount_minor": 500}, "25.00"),
        ({"discount_amount_minor": 5_000}, "0.00"),
        (
            {"discount_percent": 15, "discount_ends_at": at_local(date(2026, 5, 9), 9)},
            "30",
        ),
        (
            {"discount_percent": 15, "discount_ends_at": at_local(date(2026, 5, 10))},
            "25.5",
        ),
    ],
)
def test_mrr_of_one_subscription(changes: dict[str, Any], expected: str) -> None:
    assert mrr_of(subscription(**changes), date(2026, 5, 9)) == Decimal(expected)


def test_a_reopened_deal_closes_where_it_closed_last() -> None:
    stages = (
        (date(2026, 3, 28), "closedwon"),
        (date(2026, 4, 10), "contractsent"),
        (date(2026, 5, 2), "closedwon"),
    )
    deal = Versioned(
        "1",
        tuple(
            Version(at_local(day, 12), {"stage_id": stage, "owner_id": "70012287"})
            for day, stage in stages
        ),
    )
    closed = {
        as_of: latest_close(deal, open_night(company(), as_of))
        for as_of in (date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31))
    }
    assert closed[date(2026, 4, 30)] is None
    march, may = closed[date(2026, 3, 31)], closed[date(2026, 5, 31)]
    assert march == (at_local(date(2026, 3, 28), 12), "won", "NV011")
    assert may is not None
    assert may[0] == at_local(date(2026, 5, 2), 12)


def seen(*days: int) -> list[Seen]:
    touches = [
        Seen(
            at_local(date(2026, 3, day), 9),
            f"t{n}",
            "email",
            "other",
            "",
            "",
            is_paid=False,
        )
        for n, day in enumerate(days)
    ]
    return sorted(touches, key=lambda touch: (touch.at, touch.touch_id))


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, ["1"]),
        (2, ["0.5", "0.5"]),
        (3, ["0.4", "0.2", "0.4"]),
        (5, ["0.4", "0.0667", "0.0667", "0.0666", "0.4"]),
    ],
)
def test_positions_weigh_forty_twenty_forty(count: int, expected: list[str]) -> None:
    weights = weigh(seen(*range(1, count + 1)), "position_based")
    assert split(Decimal(1), weights, 4) == [Decimal(weight) for weight in expected]
    assert sum(weights) == 1


def test_a_hundred_over_three_equal_touches() -> None:
    shares = split(Decimal("100.00"), weigh(seen(1, 2, 3), "linear"), 2)
    assert shares == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]


@pytest.mark.parametrize("model", MODELS)
def test_shares_add_up_and_do_not_depend_on_the_order_told(model: str) -> None:
    throw = random.Random(model)  # noqa: S311  # no secret
    for _ in range(200):
        days = [throw.randint(1, 31) for _ in range(throw.randint(1, 9))]
        whole = Decimal(throw.randrange(10**9)).scaleb(-2)
        touches = seen(*days)
        shares = split(whole, weigh(touches, model), 2)
        assert sum(shares) == whole
        assert sum(split(Decimal(1), weigh(touches, model), 6)) == 1
        told = throw.sample(touches, len(touches))
        again = sorted(told, key=lambda touch: (touch.at, touch.touch_id))
        assert split(whole, weigh(again, model), 2) == shares


@pytest.mark.parametrize("model", ["", *(f"/{model}" for model in MODELS)])
def test_credit_adds_up_to_what_was_won_and_created(model: str) -> None:
    for start in MONTHS:
        for currency in CURRENCIES:
            credited = truth()[f"attributed_revenue{model}", start, currency]
            assert credited.value == truth()["sales_bookings", start, currency].value
        credited = truth()[f"attributed_leads{model}", start, None]
        assert credited.value == truth()["leads_created", start, None].value
