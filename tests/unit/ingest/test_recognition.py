"""What each day recognises, worked out by hand and over random billing histories."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest

from ingest.sandbox.recognition import Service, recognise, share


def months_of(service: Service) -> dict[str, int]:
    found: dict[str, int] = {}
    for day, amount in sorted(recognise(service).items()):
        found[f"{day:%Y-%m}"] = found.get(f"{day:%Y-%m}", 0) + amount
    return found


def test_a_year_of_days_by_running_totals() -> None:
    """F-09: 17, 45 and 76 of 365 days are 55.89, 147.95 and 249.86 of 1,200.00."""
    months = months_of(Service(120_000, date(2025, 1, 15), date(2026, 1, 15)))
    assert list(months.values())[:3] == [5589, 9206, 10191]
    assert len(months) == 13
    assert sum(months.values()) == 120_000


def test_a_hundred_over_three_days() -> None:
    """33.33, 66.67, 100.00 as running totals."""
    found = recognise(Service(10_000, date(2026, 3, 1), date(2026, 3, 4)))
    assert list(found.values()) == [3333, 3334, 3333]


def test_a_credit_lowers_what_is_still_to_be_served() -> None:
    """Half of 120 days is served when 20 is taken off: 40 are left for 60 days. At the
    90th day 20 of those are served; of 50 more, 20 are left to bear it and 30 are taken back."""
    months = months_of(
        Service(
            12_000,
            date(2026, 1, 1),
            date(2026, 5, 1),
            ((date(2026, 3, 2), 2000), (date(2026, 4, 1), 5000)),
        )
    )
    # January 31 days, February 28; on 1 March the 60th; 30 days of March at 40/60.
    assert months == {
        "2026-01": 3100,
        "2026-02": 2800,
        "2026-03": 2100,
        "2026-04": -3000,
    }
    assert sum(months.values()) == 12_000 - 7000


def test_a_credit_after_the_service_is_taken_back_on_its_day() -> None:
    service = Service(
        9000, date(2026, 1, 1), date(2026, 2, 1), ((date(2026, 3, 5), 1000),)
    )
    assert months_of(service) == {"2026-01": 9000, "2026-03": -1000}


def test_a_credit_before_the_service_lowers_all_of_it() -> None:
    service = Service(
        9000, date(2026, 1, 1), date(2026, 2, 1), ((date(2025, 12, 5), 9000),)
    )
    assert set(recognise(service).values()) == {0}


def test_shares_add_up_and_the_largest_remainder_takes_the_rest() -> None:
    assert share(10_000, {"a": 1, "b": 1, "c": 1}) == {"a": 3334, "b": 3333, "c": 3333}
    assert share(-1000, {"a": 1, "b": 2}) == {"a": -333, "b": -667}


@pytest.mark.parametrize("seed", range(20))
def test_random_lives_recognise_what_was_billed_less_what_was_credited(
    seed: int,
) -> None:
    """500 services a seed: any currency's units, any days, up to four credits."""
    throw = Random(f"recognition {seed}")  # noqa: S311 - histories, not secrets
    for _ in range(500):
        starts = date(2026, 1, 1) + timedelta(days=throw.randrange(400))
        ends = starts + timedelta(days=throw.choice((1, 7, 28, 30, 31, 365, 1096)))
        amount = throw.choice((0, 1, 99, 10_000, 500_000_000)) + throw.randrange(100)
        left = amount
        taken_off: list[tuple[date, int]] = []
        for _ in range(throw.randrange(5)):
            taken = throw.randint(0, left)
            left -= taken
            day = starts + timedelta(days=throw.randint(-10, 400))
            taken_off.append((day, taken))
        taken_off.sort()
        service = Service(amount, starts, ends, tuple(taken_off))
        by_day = recognise(service)
        assert sum(by_day.values()) == amount - service.credited
        running = 0
        for day in sorted(by_day):
            running += by_day[day]
            given = sum(taken for on, taken in taken_off if on <= day)
            # Never more than billed, nor less than nothing, less what was taken off.
            assert -given <= running <= amount
