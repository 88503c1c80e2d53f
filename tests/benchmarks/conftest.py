"""Sizes of the benchmarks; smaller ones to develop with come by option."""

from __future__ import annotations

import pytest

LANDING_ROWS = 10_000_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--landing-rows", type=int, help=f"ad rows, {LANDING_ROWS:,} usually"
    )


@pytest.fixture
def landing_rows(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--landing-rows", default=None) or LANDING_ROWS
