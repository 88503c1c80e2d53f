"""Meta (Facebook) Ads as it lands: decimal strings typed exactly, days in the account's zone.

Sources: design/sources.md §5. Clicks are link clicks (`inline_link_clicks`), because Meta's
plain "clicks" also counts likes and profile taps.
"""

from __future__ import annotations

from ingest.entities import EntityContract, Truth, date, integer, money, number, text

_DAY_METRICS = (
    date("date", "date_start, in the account's time zone."),
    money("spend", "spend."),
    text("currency", "account_currency."),
    integer("impressions", "impressions.", unit="impressions"),
    integer("clicks", "inline_link_clicks.", unit="clicks"),
    integer(
        "reported_leads",
        "actions of type lead; the platform's own claim.",
        unit="leads",
    ),
    number("conversion_value", "action_values of type purchase.", unit="value"),
    text("source_timezone", "timezone_name of the account."),
)

ACCOUNTS = EntityContract(
    kind="meta_ads",
    name="accounts",
    grain="One row per ad account and extract.",
    key=("account_id",),
    columns=(
        text("account_id", "account id without the act_ prefix."),
        text("account_name", "name."),
        text("currency", "currency."),
        text("timezone", "timezone_name."),
    ),
)

CAMPAIGNS = EntityContract(
    kind="meta_ads",
    name="campaigns",
    grain="One row per campaign (archived and deleted included) and extract.",
    key=("campaign_id",),
    columns=(
        text("campaign_id", "id."),
        text("campaign_name", "name."),
        text("status", "effective_status."),
        text("objective", "objective."),
        text("utm_campaign", "utm_campaign of the URL tags; NULL = none."),
        date("started_on", "start_time as a date in the account's zone."),
        date("ended_on", "stop_time as a date; NULL = open."),
    ),
)

CAMPAIGN_INSIGHTS_DAILY = EntityContract(
    kind="meta_ads",
    name="campaign_insights_daily",
    truth=Truth.RESTATED_DAILY,
    grain="One row per campaign and day in each extract that covers the day.",
    key=("campaign_id", "date"),
    date_column="date",
    columns=(text("campaign_id", "campaign_id."), *_DAY_METRICS),
)

ACCOUNT_INSIGHTS_DAILY = EntityContract(
    kind="meta_ads",
    name="account_insights_daily",
    truth=Truth.RESTATED_DAILY,
    grain="One row per account and day: the control figure for the campaign rows.",
    key=("account_id", "date"),
    date_column="date",
    columns=(text("account_id", "account_id."), *_DAY_METRICS),
)

CONTRACTS = (ACCOUNTS, CAMPAIGNS, CAMPAIGN_INSIGHTS_DAILY, ACCOUNT_INSIGHTS_DAILY)
