"""Vendor sources of `warehouse.yml`: where they are, whose they are, which secret opens them.

Belongs here: one model per vendor kind and the lazy reading of its secrets. Stays out: files
sources (`ingest.config_files`), talking to a vendor (`ingest.sources`).
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a private field is typed with it
from decimal import Decimal  # noqa: TC003 - pydantic reads it at run time
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from ingest.config_model import (
    ConfigModel,
    Currency,
    Name,
    Text,
    Timezone,
    Variable,
)
from ingest.errors import CredentialsError
from ingest.sources.protocol import QUARANTINE_SHARE

SANDBOX_PREFIX: Final = "sandbox:"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_NO_ENVIRONMENT: Final[Mapping[str, str]] = {}


class SourceConfig(ConfigModel):
    """What every source says about itself, whatever its kind."""

    delivers: ClassVar[tuple[str, ...]] = ()
    """Canonical entities a vendor kind feeds; a files source has its datasets instead."""

    name: Name
    kind: str
    legal_entity: Text
    functional_currency: Currency
    timezone: Timezone
    reporting_timezone: Timezone = Field(exclude=True)
    """The company's zone: windows and report dates are cut in it."""
    optional: bool = False

    def canonical_entities(self) -> frozenset[str]:
        """Return the canonical entities this source delivers."""
        return frozenset(self.delivers)


class VendorSource(SourceConfig):
    """A source behind an API: an address and secrets named by environment variable."""

    secret_fields: ClassVar[tuple[str, ...]] = ()

    base_url: str
    api_version: str | None = None
    """None = the version the connector is written for."""
    account: str = ""
    """Account the rows belong to; '' where the vendor names it in each record."""
    lookback_days: int | None = Field(default=None, ge=0, le=400)
    """Days before its cursor a stream is read again every night; None = the default of the
    kind (`ingest.windows.LOOK_BACKS`, with where each comes from)."""
    deep_reread_days: int | None = Field(default=None, ge=0, le=400)
    """The same for the night of a Sunday, for what changes after the look-back; 0 = never."""
    freshness_warn_hours: int = Field(default=26, ge=1)
    freshness_fail_hours: int = Field(default=50, ge=1)
    """Age of the newest business day of daily facts at extraction: the night runs 2 hours
    after the day has ended, so one missing day is 26 hours and two are 50."""
    max_quarantine_share: Decimal = Field(default=QUARANTINE_SHARE, ge=0, le=1)
    """Share of a stream's rows that may be refused before the whole stream is."""
    is_sandbox: bool = Field(default=False, exclude=True)
    """Set by `load_config` when `base_url` was a sandbox address: no secret is needed."""

    _environ: Mapping[str, str] = PrivateAttr(default=_NO_ENVIRONMENT)

    def needed_secrets(self) -> tuple[str, ...]:
        """Return the fields that name the secrets this source needs."""
        return self.secret_fields

    def missing_secrets(self) -> list[tuple[str, str]]:
        """Return (field, environment variable) of every secret that is not there."""
        if self.is_sandbox:
            return []
        names = [(field, str(getattr(self, field))) for field in self.needed_secrets()]
        return [
            (f, name) for f, name in names if not self._environ.get(name, "").strip()
        ]

    def _read_secret(self, field: str) -> SecretStr:
        """Return one secret, read now; its value never enters a message.

        Raises:
            CredentialsError: the environment variable is not set.
        """
        if self.is_sandbox:
            return SecretStr("sandbox")
        variable = str(getattr(self, field))
        value = self._environ.get(variable, "").strip()
        if not value:
            message = f"source {self.name}: environment variable {variable} is not set"
            raise CredentialsError(message)
        return SecretStr(value)


class HubSpotSource(VendorSource):
    """One HubSpot portal, opened by a private-app token."""

    delivers = (
        "leads",
        "lead_changes",
        "accounts",
        "opportunities",
        "opportunity_changes",
        "activities",
        "users",
    )
    secret_fields = ("token_env",)

    base_url: str = "https://api.hubapi.com"
    token_env: Variable | None = None
    portal_id: str = ""
    """Another word for `account`."""

    @property
    def token(self) -> SecretStr:
        """Private-app token."""
        return self._read_secret("token_env")


class StripeSource(VendorSource):
    """One Stripe account, opened by a restricted key."""

    delivers = (
        "customers",
        "products",
        "subscriptions",
        "subscription_items",
        "invoices",
        "invoice_lines",
        "payments",
        "refunds",
        "credit_notes",
        "ledger_transactions",
        "disputes",
        "payouts",
    )
    secret_fields = ("key_env",)

    base_url: str = "https://api.stripe.com"
    key_env: Variable | None = None

    @property
    def key(self) -> SecretStr:
        """Restricted API key."""
        return self._read_secret("key_env")


class GoogleAdsSource(VendorSource):
    """Google Ads client accounts under one manager.

    Opened by a refresh token of an OAuth client, which lasts until it is revoked; or, to try
    things out, by an access token, which lasts an hour.
    """

    delivers = ("campaigns", "ad_performance_daily")
    secret_fields = (
        "developer_token_env",
        "client_id_env",
        "client_secret_env",
        "refresh_token_env",
    )

    base_url: str = "https://googleads.googleapis.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    developer_token_env: Variable | None = None
    client_id_env: Variable | None = None
    client_secret_env: Variable | None = None
    refresh_token_env: Variable | None = None
    token_env: Variable | None = None
    customer_ids: tuple[Text, ...] = ()
    login_customer_id: str = ""

    @field_validator("token_url")
    @classmethod
    def _check_token_url(cls, url: str) -> str:
        """Refuse an address the client secret must not be sent to."""
        wrong = check_base_url(url)
        if wrong:
            raise ValueError(wrong.replace("base_url", "token_url"))
        return url

    def needed_secrets(self) -> tuple[str, ...]:
        """Return the fields of the refresh-token flow, or of a plain access token."""
        if self.token_env is None:
            return self.secret_fields
        return "developer_token_env", "token_env"

    @property
    def token_address(self) -> str:
        """Where tokens are exchanged; the sandbox does that under the vendor's own path."""
        return f"{self.base_url}/token" if self.is_sandbox else self.token_url

    @property
    def token(self) -> SecretStr | None:
        """OAuth access token; None = it is exchanged for the refresh token."""
        return None if self.token_env is None else self._read_secret("token_env")

    @property
    def developer_token(self) -> SecretStr:
        """Developer token."""
        return self._read_secret("developer_token_env")

    @property
    def client_id(self) -> SecretStr:
        """Id of the OAuth client."""
        return self._read_secret("client_id_env")

    @property
    def client_secret(self) -> SecretStr:
        """Secret of the OAuth client."""
        return self._read_secret("client_secret_env")

    @property
    def refresh_token(self) -> SecretStr:
        """Refresh token a person of the account has granted."""
        return self._read_secret("refresh_token_env")


class MetaAdsSource(VendorSource):
    """Meta ad accounts, opened by a system user's token."""

    delivers = ("campaigns", "ad_performance_daily")
    secret_fields = ("token_env",)

    base_url: str = "https://graph.facebook.com"
    token_env: Variable | None = None
    account_ids: tuple[Text, ...] = ()

    @property
    def token(self) -> SecretStr:
        """System-user token."""
        return self._read_secret("token_env")


VENDORS: Final[dict[str, type[VendorSource]]] = {
    "hubspot": HubSpotSource,
    "stripe": StripeSource,
    "google_ads": GoogleAdsSource,
    "meta_ads": MetaAdsSource,
}


def check_base_url(url: str) -> str | None:
    """Return what is wrong with an address a token would be sent to, or None."""
    if url.startswith(SANDBOX_PREFIX):
        path = url.removeprefix(SANDBOX_PREFIX)
        return None if path.startswith("/") else "a sandbox address is sandbox:/path"
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        return f"base_url {url!r} must be https://host[/path]"
    if parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in _LOOPBACK
    ):
        return None
    return f"base_url {url!r} must be https (plain http only on this machine)"
