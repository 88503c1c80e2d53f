"""Google Ads as it lands: GAQL rows, cost in micros, days in the account's zone.

Sources: design/sources.md §4. Totals are taken at campaign-day only: sums at ad or keyword
level do not equal the campaign (Performance Max, removed ads).
"""

from __future__ import annotations

from ingest.entities import (
    Column,
    EntityContract,
    Truth,
    Type,
    date,
    integer,
    number,
    text,
)

_MICROS = Column(
    "cost_micros",
    Type.INTEGER,
    "metrics.cost_micros: account currency × 1,000,000.",
    unit="micros",
    currency_column="currency",
)
_DAY_METRICS = (
    date("date", "segments.date, in the account's time zone."),
    _MICROS,
    text("currency", "customer.currency_code."),
    integer("impressions", "metrics.impressions.", unit="impressions"),
    integer("clicks", "metrics.clicks.", unit="clicks"),
    number(
        "conversions",
        "metrics.conversions; fractional, dated at click.",
        unit="conversions",
    ),
    number(
        "conversion_value", "metrics.conversions_value, account currency.", unit="value"
    ),
    text("source_timezone", "customer.time_zone."),
)

ACCOUNTS = EntityContract(
    kind="google_ads",
    name="accounts",
    grain="One row per ad account and extract.",
    key=("account_id",),
    columns=(
        text("account_id", "customer.id, digits only."),
        text("account_name", "customer.descriptive_name."),
        text("currency", "customer.currency_code."),
        text("timezone", "customer.time_zone."),
    ),
)

CAMPAIGNS = EntityContract(
    kind="google_ads",
    name="campaigns",
    grain="One row per campaign (removed ones included) and extract.",
    key=("campaign_id",),
    columns=(
        text("campaign_id", "campaign.id."),
        text("campaign_name", "campaign.name."),
        text("status", "campaign.status: ENABLED, PAUSED, REMOVED."),
        text("channel_type", "campaign.advertising_channel_type."),
        text("utm_campaign", "utm_campaign of the final URL suffix; NULL = none."),
        date("started_on", "campaign.start_date."),
        date("ended_on", "campaign.end_date; NULL = open."),
    ),
)

CAMPAIGN_PERFORMANCE_DAILY = EntityContract(
    kind="google_ads",
    name="campaign_performance_daily",
    truth=Truth.RESTATED_DAILY,
    grain="One row per campaign and day in each extract that covers the day.",
    key=("campaign_id", "date"),
    date_column="date",
    columns=(text("campaign_id", "campaign.id."), *_DAY_METRICS),
)

ACCOUNT_PERFORMANCE_DAILY = EntityContract(
    kind="google_ads",
    name="account_performance_daily",
    truth=Truth.RESTATED_DAILY,
    grain="One row per account and day: the control figure for the campaign rows.",
    key=("account_id", "date"),
    date_column="date",
    columns=(text("account_id", "customer.id, digits only."), *_DAY_METRICS),
)

CONTRACTS = (ACCOUNTS, CAMPAIGNS, CAMPAIGN_PERFORMANCE_DAILY, ACCOUNT_PERFORMANCE_DAILY)
