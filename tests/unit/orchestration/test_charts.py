"""The charts of the page: what a reader can take off their axes."""

from __future__ import annotations

import pytest

from orchestration.dashboards.charts import round_levels


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [
        (0.0, 1_830_000_000.0, [0, 5e8, 1e9, 1.5e9]),
        (-130e6, 270e6, [-1e8, 0, 1e8, 2e8]),
        (0.0, 1.03, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 116.0, [0, 20, 40, 60, 80, 100]),
        (0.0, 2.4, [0, 0.5, 1.0, 1.5, 2.0]),
    ],
)
def test_axes_are_marked_at_round_values(
    low: float, high: float, levels: list[float]
) -> None:
    assert round_levels(low, high) == pytest.approx(levels)
