"""Vendor sources of `warehouse.yml`: where they are, whose they are, which secret opens them.

Belongs here: one model per vendor kind and the lazy reading of its secrets. Stays out: files
sources (`ingest.config_files`), talking to a vendor (`ingest.sources`).
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a private field is typed with it
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, SecretStr

from ingest.config_model import ConfigModel, Currency, Name, Text, Timezone
from ingest.errors import CredentialsError

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
    is_sandbox: bool = Field(default=False, exclude=True)
    """Set by `load_config` when `base_url` was a sandbox address: no secret is needed."""

    _environ: Mapping[str, str] = PrivateAttr(default=_NO_ENVIRONMENT)

    def missing_secrets(self) -> list[tuple[str, str]]:
        """Return (field, environment variable) of every secret that is not there."""
        if self.is_sandbox:
            return []
        names = [(field, str(getattr(self, field))) for field in self.secret_fields]
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
        "accounts",
        "opportunities",
        "opportunity_changes",
        "activities",
        "users",
    )
    secret_fields = ("token_env",)

    base_url: str = "https://api.hubapi.com"
    token_env: Text | None = None
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
    )
    secret_fields = ("key_env",)

    base_url: str = "https://api.stripe.com"
    key_env: Text | None = None

    @property
    def key(self) -> SecretStr:
        """Restricted API key."""
        return self._read_secret("key_env")


class GoogleAdsSource(VendorSource):
    """Google Ads client accounts under one manager."""

    delivers = ("campaigns", "ad_performance_daily")
    secret_fields = ("developer_token_env", "token_env")

    base_url: str = "https://googleads.googleapis.com"
    developer_token_env: Text | None = None
    token_env: Text | None = None
    customer_ids: tuple[Text, ...] = ()
    login_customer_id: str = ""

    @property
    def token(self) -> SecretStr:
        """OAuth access token."""
        return self._read_secret("token_env")

    @property
    def developer_token(self) -> SecretStr:
        """Developer token."""
        return self._read_secret("developer_token_env")


class MetaAdsSource(VendorSource):
    """Meta ad accounts, opened by a system user's token."""

    delivers = ("campaigns", "ad_performance_daily")
    secret_fields = ("token_env",)

    base_url: str = "https://graph.facebook.com"
    token_env: Text | None = None
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
