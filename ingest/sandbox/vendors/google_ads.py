"""The Google Ads API's REST search over one account's campaigns.

Belongs here: `googleAds:search` and `:searchStream` for the resources `customer` and
`campaign`, JSON and error bodies as developers.google.com/google-ads/api documents them (read
2026-09), the token endpoint. Stays out: the query language (`gaql`), faults.

Kept traps: 64-bit integers are text, cost is micros, a segmented row without any metric is
left out, removed campaigns stay unless filtered, an open campaign ends in 2037 before v23,
and v23 renamed the campaign dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from ingest.sandbox.model import AdPlatform, Fields
from ingest.sandbox.vendors.gaql import GaqlError, Query, parse_gaql
from ingest.sandbox.vendors.render import stable_token
from ingest.sandbox.wire import ApiAnswer, ApiRequest

_PATH: Final = re.compile(r"/v(\d+)/customers/(\d+)/googleAds:(search|searchStream)")
_TOKEN_PATHS: Final = ("/token", "/oauth2/token")
_OLDEST_VERSION: Final = 21
_DATE_TIME_VERSION: Final = 23
_STREAM_ROWS: Final = 1_000
"""Rows per stream message; Google leaves the number open."""
_SEARCH_ROWS: Final = 10_000
"""Rows per search page, fixed since v17."""
_NO_END: Final = date(2037, 12, 30)
_METRICS: Final[Mapping[str, str]] = {
    "metrics.impressions": "impressions",
    "metrics.clicks": "clicks",
    "metrics.cost_micros": "cost_micros",
    "metrics.conversions": "conversions",
    "metrics.conversions_value": "conversion_value",
}
_DOUBLES: Final = frozenset({"metrics.conversions", "metrics.conversions_value"})
_HISTORY_START: Final = timedelta(days=11 * 366)

Row = dict[str, Any]


@dataclass(frozen=True)
class _Rejection(Exception):
    """Google answers with an error body."""

    answer: ApiAnswer


class GoogleAdsApi:
    """Answers Google Ads requests for one account."""

    def __init__(self, platform: AdPlatform) -> None:
        """Keep the account."""
        self._platform = platform
        self._account_id = str(platform.account["account_id"]).replace("-", "")
        self._zone = ZoneInfo(str(platform.account["timezone"]))

    def answer(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer the request as Google would at that instant."""
        if request.method == "POST" and request.path in _TOKEN_PATHS:
            return _token(request)
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            return _status(404, "NOT_FOUND", "Requested entity was not found.")
        version, customer, verb = int(match[1]), match[2], match[3]
        try:
            self._admit(request, version, customer)
            return self._search(request, version, now, verb)
        except _Rejection as rejection:
            return rejection.answer
        except GaqlError as error:
            return _failure(version, "queryError", error.code, str(error))

    def _admit(self, request: ApiRequest, version: int, customer: str) -> None:
        """Refuse a request without credentials, to a retired version or another account."""
        if not request.has_bearer:
            message = (
                "Request is missing required authentication credential. Expected OAuth 2 "
                "access token, login cookie or other valid authentication credential. See "
                "https://developers.google.com/identity/sign-in/web/devconsole-project."
            )
            raise _Rejection(_status(401, "UNAUTHENTICATED", message))
        if not request.headers.get("developer-token"):
            code = "DEVELOPER_TOKEN_PARAMETER_MISSING"
            message = "Developer token parameter was missing in the request."
            answer = _failure(version, "authenticationError", code, message, status=401)
            raise _Rejection(answer)
        if version < _OLDEST_VERSION:
            message = (
                f"Version v{version} is deprecated. Requests to it will be blocked."
            )
            raise _Rejection(
                _failure(version, "requestError", "UNSUPPORTED_VERSION", message)
            )
        if customer != self._account_id:
            code = "USER_PERMISSION_DENIED"
            message = "User doesn't have permission to access customer."
            answer = _failure(version, "authorizationError", code, message, status=403)
            raise _Rejection(answer)

    def _search(
        self, request: ApiRequest, version: int, now: datetime, verb: str
    ) -> ApiAnswer:
        """Run the query and page its rows."""
        try:
            body = request.json()
        except ValueError:
            body = None
        if not isinstance(body, Mapping) or not body.get("query"):
            message = "Invalid JSON payload received."
            raise _Rejection(_status(400, "INVALID_ARGUMENT", message))
        if "pageSize" in body:
            code = "PAGE_SIZE_NOT_SUPPORTED"
            message = "Setting the page size is not supported."
            raise _Rejection(_failure(version, "requestError", code, message))
        today = now.astimezone(self._zone).date()
        query = parse_gaql(str(body["query"]), today)
        rows = self._run(query, version, now)
        mask = ",".join(_camel(name) for name in query.fields)
        request_id = stable_token(query, now)
        if verb == "searchStream":
            starts = range(0, max(len(rows), 1), _STREAM_ROWS)
            pages = [rows[start : start + _STREAM_ROWS] for start in starts]
            shared = {"fieldMask": mask, "requestId": request_id}
            return ApiAnswer(
                200, [{"results": page, **shared} if page else shared for page in pages]
            )
        start = int(str(body.get("pageToken") or 0))
        payload: Row = {
            "results": rows[start : start + _SEARCH_ROWS],
            "fieldMask": mask,
        }
        if not payload["results"]:
            del payload["results"]
        if start + _SEARCH_ROWS < len(rows):
            payload["nextPageToken"] = str(start + _SEARCH_ROWS)
        return ApiAnswer(200, payload)

    def _run(self, query: Query, version: int, now: datetime) -> list[Row]:
        """Return the rows of a query, rendered."""
        if query.resource not in {"customer", "campaign"}:
            message = f"Resource {query.resource} is not selectable."
            raise GaqlError(message, code="BAD_RESOURCE_TYPE_IN_FROM_CLAUSE")
        attributes = self._attributes(query.resource, version)
        known = {*attributes, *_METRICS, "segments.date"}
        named = [*query.fields, *(one.field for one in query.conditions)]
        for name in [*named, *(name for name, _ in query.order_by)]:
            if name not in known:
                message = f"Unrecognized field in the query: '{name}'."
                raise GaqlError(message, code="UNRECOGNIZED_FIELD")
        values = list(self._values(query, attributes, now))
        for name, descending in reversed(query.order_by):
            values.sort(key=lambda one: _order_key(one[name]), reverse=descending)
        kept = values if query.limit is None else values[: query.limit]
        return [self._render(query, one) for one in kept]

    def _values(
        self, query: Query, attributes: Mapping[str, _Attribute], now: datetime
    ) -> Iterable[Row]:
        """Yield every row that passes, as values by field name."""
        dates = query.dates()
        by_day = "segments.date" in query.fields
        if by_day and dates is None:
            message = "Expected filters on a finite range of segments.date."
            raise GaqlError(message, code="EXPECTED_FILTERS_ON_DATE_RANGE")
        tests = [one for one in query.conditions if one.field != "segments.date"]
        measured = by_day or any(name in _METRICS for name in query.fields)
        for resource, metrics in self._measured(query.resource, dates, now, by_day):
            row: Row = {name: read(resource) for name, read in attributes.items()}
            row |= metrics
            if by_day and measured and not any(metrics[name] for name in _METRICS):
                continue
            if all(test.holds(row.get(test.field)) for test in tests):
                yield row

    def _measured(
        self,
        resource: str,
        dates: tuple[date, date] | None,
        now: datetime,
        by_day: bool,  # noqa: FBT001  # internal, named at the one call
    ) -> Iterable[tuple[Fields, Row]]:
        """Yield each resource with its metrics, for each day or summed."""
        low, high = dates or (
            now.date() - _HISTORY_START,
            now.date() + timedelta(days=1),
        )
        totals: dict[tuple[str, str], Row] = {}
        for fact, state in self._platform.campaign_days(now, low, high):
            owner = fact.campaign_id if resource == "campaign" else self._account_id
            key = (owner, fact.date.isoformat() if by_day else "")
            total = totals.setdefault(key, dict.fromkeys(_METRICS, 0))
            for name, field in _METRICS.items():
                total[name] += state.get(field) or 0
        resources = self._resources(resource, now)
        if by_day:
            for (owner, day), total in totals.items():
                if owner in resources:
                    yield resources[owner], {**total, "segments.date": day}
            return
        for owner, fields in resources.items():
            yield fields, totals.get((owner, ""), dict.fromkeys(_METRICS, 0))

    def _resources(self, resource: str, now: datetime) -> dict[str, Fields]:
        """Return the campaigns, or the account itself, by id."""
        if resource == "customer":
            return {self._account_id: self._platform.account}
        states = (one.state_at(now) for one in self._platform.campaigns)
        return {str(state["campaign_id"]): state for state in states if state}

    def _attributes(self, resource: str, version: int) -> dict[str, _Attribute]:
        """Return the attribute fields of a resource and how each is read."""
        account = self._platform.account
        found: dict[str, _Attribute] = {
            "customer.id": lambda _: int(self._account_id),
            "customer.resource_name": lambda _: f"customers/{self._account_id}",
            "customer.descriptive_name": lambda _: account.get("account_name"),
            "customer.currency_code": lambda _: account["currency"],
            "customer.time_zone": lambda _: account["timezone"],
            "customer.manager": lambda _: False,
            "customer.status": lambda _: "ENABLED",
            "customer.test_account": lambda _: False,
            "customer.auto_tagging_enabled": lambda _: True,
            "customer.final_url_suffix": lambda _: None,
            "customer.tracking_url_template": lambda _: None,
        }
        if resource == "customer":
            return found
        prefix = f"customers/{self._account_id}/campaigns/"
        found |= {
            "campaign.resource_name": lambda one: f"{prefix}{one['campaign_id']}",
            "campaign.id": lambda one: int(str(one["campaign_id"])),
            "campaign.name": lambda one: one.get("campaign_name"),
            "campaign.status": lambda one: one.get("status"),
            "campaign.advertising_channel_type": lambda one: one.get("channel_type"),
            "campaign.final_url_suffix": _url_suffix,
            "campaign.tracking_url_template": lambda _: None,
        }
        if version < _DATE_TIME_VERSION:
            return found | {
                "campaign.start_date": lambda one: str(one["started_on"]),
                "campaign.end_date": lambda one: str(one.get("ended_on") or _NO_END),
            }
        return found | {
            "campaign.start_date_time": lambda one: f"{one['started_on']} 00:00:00",
            "campaign.end_date_time": lambda one: (
                f"{one['ended_on']} 23:59:59" if one.get("ended_on") else None
            ),
        }

    def _render(self, query: Query, row: Row) -> Row:
        """Return a row as nested camelCase JSON; resource names come unasked."""
        names = [f"{query.resource}.resource_name", *query.fields]
        if any(name.startswith("customer.") for name in query.fields):
            names.append("customer.resource_name")
        found: Row = {}
        for name in names:
            value = row[name]
            if value is None:
                continue
            holder, _, leaf = _camel(name).partition(".")
            found.setdefault(holder, {})[leaf] = _json_value(name, value)
        if any(name.startswith("metrics.") for name in query.fields):
            found.setdefault("metrics", {})
        return found


_Attribute = Callable[[Fields], object]


def _json_value(name: str, value: object) -> object:
    """Return a value as proto JSON has it: 64-bit integers are text, doubles numbers."""
    if name in _DOUBLES:
        return Decimal(str(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _order_key(value: object) -> tuple[bool, object]:
    """Return a sort key with blanks first."""
    return (value is not None, value if value is not None else "")


def _url_suffix(campaign: Fields) -> str | None:
    """Return the final URL suffix that carries the campaign's UTM parameters."""
    utm = campaign.get("utm_campaign")
    return f"utm_source=google&utm_medium=cpc&utm_campaign={utm}" if utm else None


def _camel(name: str) -> str:
    """Return a snake_case path in lowerCamelCase."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _token(request: ApiRequest) -> ApiAnswer:
    """Answer the OAuth token endpoint; a refresh token that says so is revoked."""
    form = parse_qs(request.body.decode("utf-8", "replace"))
    wrong = said = ""
    if form.get("grant_type") != ["refresh_token"]:
        wrong, said = "unsupported_grant_type", "Invalid grant_type."
    elif not (form.get("client_id") and form.get("client_secret")):
        wrong, said = "invalid_client", "The OAuth client was not found."
    elif "revoked" in form.get("refresh_token", ["revoked"])[0]:
        wrong, said = "invalid_grant", "Token has been expired or revoked."
    if wrong:
        return ApiAnswer(400, {"error": wrong, "error_description": said})
    return ApiAnswer(
        200,
        {
            "access_token": "sandbox",
            "expires_in": 3599,
            "scope": "https://www.googleapis.com/auth/adwords",
            "token_type": "Bearer",
        },
    )


def _status(
    code: int, status: str, message: str, details: Sequence[object] = ()
) -> ApiAnswer:
    """Return a google.rpc.Status error body."""
    error: Row = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = list(details)
    return ApiAnswer(code, {"error": error})


def _failure(
    version: int, group: str, code: str, message: str, *, status: int = 400
) -> ApiAnswer:
    """Return an error body with a GoogleAdsFailure inside."""
    outer = {
        400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
        403: ("PERMISSION_DENIED", "The caller does not have permission"),
    }[status]
    kind = (
        f"type.googleapis.com/google.ads.googleads.v{version}.errors.GoogleAdsFailure"
    )
    failure = {
        "@type": kind,
        "errors": [{"errorCode": {group: code}, "message": message}],
        "requestId": stable_token(group, code, message),
    }
    return _status(status, outer[0], outer[1], [failure])
