"""A red dbt test publishes nothing, and the last line names the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.conftest import FIRST_NIGHT, Warehouse

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
company:
  name: Solo
  reporting_currency: VND
  presentation_currencies: [VND]
  timezone: Asia/Ho_Chi_Minh
sources:
  - name: drop
    kind: files
    path: ./drop
    settle_seconds: 0
    legal_entity: solo
    functional_currency: VND
    datasets:
      fx_rates: {files: rates.csv, mode: replace}
      ad_performance_daily: {files: ads.csv, mode: replace}
"""
ADS = """\
platform,ad_account_id,campaign_id,ad_group_id,ad_id,date,spend,currency,impressions,clicks
google,a1,c1,,,2026-10-29,10.00,USD,100,7
"""
RATE = (
    "rate_date,base_currency,quote_currency,rate_type,published_at,rate,rate_source\n"
    "{day},USD,VND,average_transfer,{day}T09:00:00,26000,bank\n"
    "{day},USD,VND,closing,{day}T17:00:00,26000,bank\n"
)


@pytest.mark.long
def test_a_red_model_test_publishes_nothing_and_a_corrected_file_heals(
    tmp_path: Path,
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    config = tmp_path / "warehouse.yml"
    config.write_text(CONFIG, encoding="utf-8")
    (drop / "ads.csv").write_text(ADS, encoding="utf-8")
    warehouse = Warehouse(tmp_path / "root")

    # A rate of two months ago is not carried to the day of the spend.
    (drop / "rates.csv").write_text(RATE.format(day="2026-08-03"), encoding="utf-8")
    said = warehouse.night(FIRST_NIGHT, "--config", str(config), expect=65)
    last = said.strip().splitlines()[-1]
    assert "assert_money_with_a_currency_has_a_rate" in last
    assert not warehouse.current.is_dir()

    (drop / "rates.csv").write_text(RATE.format(day="2026-10-28"), encoding="utf-8")
    warehouse.night(FIRST_NIGHT, "--config", str(config), "--refetch")
    rows = warehouse.query(
        "select value from rpt_kpi_values where kpi_key = 'ad_spend' and grain = 'month' "
        "and breakdown = 'total' and currency = 'VND' and period_start_date = '2026-10-01'"
    )
    assert rows == [(260_000,)]
