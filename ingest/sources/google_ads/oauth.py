"""Exchanging Google's refresh token for an access token.

Belongs here: the token request (OAuth 2.0, RFC 6749 §6) and what its refusals mean. Stays
out: requests to the Ads API, asking a person for consent (done once, outside).

Sources: developers.google.com/identity/protocols/oauth2/web-server#offline, read 2026-11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.errors import CredentialsError, IngestError
from ingest.http import ApiClient, Authorization
from ingest.sources.wire import dig, required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.config_sources import GoogleAdsSource

_REFUSED: Final = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
"""What is wrong is one of the three secrets, although the status is 400."""


def exchange_token(config: GoogleAdsSource) -> Mapping[str, str]:
    """Return the header with a fresh access token.

    Raises:
        CredentialsError: the refresh token is revoked or expired, or the client unknown.
        RetryableError: the token endpoint does not answer.
    """
    form = {
        "grant_type": "refresh_token",
        "client_id": config.client_id.get_secret_value(),
        "client_secret": config.client_secret.get_secret_value(),
        "refresh_token": config.refresh_token.get_secret_value(),
    }
    base_url, _, path = config.token_address.rpartition("/")
    with ApiClient(
        base_url,
        source=config.name,
        authorization=Authorization(secrets=secrets_of(config)),
        classify_error=_class_of,
    ) as client:
        answer = client.post(path, form=form, required="access_token")
    token = required(answer, "access_token", f"{config.name}: token")
    return {"Authorization": f"Bearer {token}"}


def secrets_of(config: GoogleAdsSource) -> tuple[str, ...]:
    """Return all secrets of the source; none may be said anywhere, whoever quotes it."""
    return (
        config.developer_token.get_secret_value(),
        config.client_id.get_secret_value(),
        config.client_secret.get_secret_value(),
        config.refresh_token.get_secret_value(),
    )


def _class_of(_status: int, body: object) -> type[IngestError] | None:
    return CredentialsError if str(dig(body, "error")) in _REFUSED else None
