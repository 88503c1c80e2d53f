"""The vendors' APIs over the simulated company, each as its vendor documents it.

Belongs here: which vendor is mounted under which path. Stays out: everything a single vendor
decides (its own module), the server, faults.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.google_ads import GoogleAdsApi
from ingest.sandbox.vendors.hubspot import HubSpotApi
from ingest.sandbox.vendors.meta_ads import MetaAdsApi
from ingest.sandbox.vendors.stripe import StripeApi

if TYPE_CHECKING:
    from ingest.sandbox.model import Company
    from ingest.sandbox.wire import VendorApi

_DEFAULT_VERSIONS: Final = {
    "stripe_vn": "2025-03-31.basil",
    "stripe_sg": "2024-06-20",
}
"""Default API version per Stripe account, which event payloads are in. They differ, as those
of accounts opened in different years do: a parser that knows one shape only must fail."""
_HOME_CURRENCY: Final = "VND"


def build_vendors(
    company: Company, *, search_lag: timedelta = timedelta(0)
) -> dict[str, VendorApi]:
    """Return every vendor's API by mount point; `search_lag` is HubSpot's."""
    vendors: dict[str, VendorApi] = {
        "hubspot": HubSpotApi(
            company.hubspot, home_currency=_HOME_CURRENCY, search_lag=search_lag
        ),
        "google_ads": GoogleAdsApi(company.google),
        "meta_ads": MetaAdsApi(company.meta),
    }
    for name, account in company.stripe.items():
        vendors[name] = StripeApi(account, default_version=_DEFAULT_VERSIONS[name])
    return vendors


__all__ = ["build_vendors"]
