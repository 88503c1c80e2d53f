"""Stripe's API over one account's billing records.

Belongs here: authentication, version choice, lists and their paging, retrieval, expansion,
error bodies, as docs.stripe.com/api documents them (read 2026-09). Stays out: the JSON of
objects (`stripe_catalogue` and its siblings), events (`stripe_events`), what is rendered when
(`stripe_ledger`).
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.sandbox.vendors.render import stable_token
from ingest.sandbox.vendors.stripe_ledger import Ledger
from ingest.sandbox.vendors.stripe_shapes import Json, Shape, shape_of
from ingest.sandbox.wire import ApiAnswer, ApiRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ingest.sandbox.model import StripeAccount

_PAGE_LIMIT: Final = 100
_DEFAULT_LIMIT: Final = 10
_EXPAND_DEPTH: Final = 4
_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
_CREATED: Final = re.compile(r"created(?:\[(gt|gte|lt|lte)\])?")
_PAGING: Final = frozenset({"limit", "starting_after", "ending_before", "expand[]"})
_EXPANDABLE: Final[Mapping[str, str]] = {
    "customer": "customers",
    "product": "products",
    "price": "prices",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "latest_invoice": "invoices",
    "charge": "charges",
    "refund": "refunds",
    "balance_transaction": "balance_transactions",
    "discounts": "discounts",
    "discount": "discounts",
    "coupon": "coupons",
}
"""Field to the collection its ids name."""
_FILTERS: Final[Mapping[str, frozenset[str]]] = {
    "customers": frozenset({"email", "created"}),
    "products": frozenset({"active", "created"}),
    "prices": frozenset({"active", "product", "currency", "type", "created"}),
    "coupons": frozenset({"created"}),
    "subscriptions": frozenset({"status", "customer", "price", "created"}),
    "subscription_items": frozenset({"subscription"}),
    "invoices": frozenset({"status", "customer", "subscription", "created"}),
    "invoice_payments": frozenset({"invoice", "status", "created"}),
    "charges": frozenset({"customer", "payment_intent", "created"}),
    "refunds": frozenset({"charge", "payment_intent", "created"}),
    "credit_notes": frozenset({"invoice", "customer", "created"}),
    "balance_transactions": frozenset({"type", "source", "currency", "created"}),
    "disputes": frozenset({"charge", "payment_intent", "created"}),
    "payouts": frozenset({"arrival_date", "destination", "status", "created"}),
    "events": frozenset({"type", "types[]", "created"}),
}
"""List filters by collection, beside the paging parameters."""
_SINGULAR: Final[Mapping[str, str]] = {
    name: name.removesuffix("s").replace("_", " ") for name in _FILTERS
}


class RefusedError(Exception):
    """Stripe answers with an error body."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        """Keep the status and the fields of the body."""
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "type": "invalid_request_error", **more}


@dataclass(frozen=True)
class _Page:
    """What a list request asks for beside its filters."""

    limit: int
    starting_after: str
    ending_before: str


class StripeApi:
    """Answers Stripe requests for one account."""

    def __init__(self, account: StripeAccount, *, default_version: str) -> None:
        """Keep the account; events are always in its default version."""
        self._default_version = default_version
        self._ledger = Ledger(account, default_version=default_version)

    def answer(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer the request as Stripe would at that instant."""
        version = request.headers.get("stripe-version", self._default_version)
        headers = {
            "Request-Id": f"req_{stable_token(request.path, request.query_text)[:14]}",
            "Stripe-Version": version,
        }
        try:
            _authenticate(request)
            if not _VERSION.fullmatch(version):
                message = f"Invalid Stripe API version: {version}"
                raise RefusedError(400, message)  # noqa: TRY301  # one place builds the body
            payload = self._route(request, shape_of(version), now)
        except RefusedError as refusal:
            return ApiAnswer(refusal.status, {"error": refusal.body}, headers)
        return ApiAnswer(200, payload, headers)

    def _route(self, request: ApiRequest, shape: Shape, now: datetime) -> Json:
        """Find the resource and answer."""
        parts = request.path.strip("/").split("/")
        if request.method == "GET" and parts[0] == "v1" and len(parts) > 1:
            match parts[1:]:
                case [name] if name in _FILTERS:
                    return self._list(name, request, shape, now)
                case ["invoices", identity, "lines"]:
                    return self._lines(identity, request, shape, now)
                case [name, identity] if name in _FILTERS:
                    return self._retrieve(name, identity, request, shape, now)
                case _:
                    pass
        message = (
            f"Unrecognized request URL ({request.method}: {request.path}). "
            "If you are trying to list objects, remove the trailing slash. "
            "Please see https://stripe.com/docs or we can help at "
            "https://support.stripe.com/."
        )
        raise RefusedError(404, message)

    def _list(
        self, name: str, request: ApiRequest, shape: Shape, now: datetime
    ) -> Json:
        """Answer a list, newest first."""
        _check_parameters(name, request)
        rows = self._ledger.rows(name, shape, now)
        if name == "subscription_items" and not request.first("subscription"):
            message = "Missing required param: subscription."
            raise RefusedError(
                400, message, code="parameter_missing", param="subscription"
            )
        kept = _filtered(name, rows, request)
        page = _page_of(request)
        data, has_more = _cut(kept, page, _SINGULAR[name])
        expanded = self._expand(data, _expand_paths(request, "data."), shape, now)
        return {
            "object": "list",
            "data": expanded,
            "has_more": has_more,
            "url": f"/v1/{name}",
        }

    def _lines(
        self, identity: str, request: ApiRequest, shape: Shape, now: datetime
    ) -> Json:
        """Answer the lines of one invoice, in the invoice's order."""
        lines = self._ledger.lines(identity, shape, now)
        if lines is None:
            raise _missing(_SINGULAR["invoices"], identity, "invoice")
        unknown = set(request.query) - _PAGING
        if unknown:
            raise _unknown_parameter(min(unknown))
        data, has_more = _cut(lines, _page_of(request), "line item")
        expanded = self._expand(data, _expand_paths(request, "data."), shape, now)
        return {
            "object": "list",
            "data": expanded,
            "has_more": has_more,
            "url": f"/v1/invoices/{identity}/lines",
        }

    def _retrieve(
        self,
        name: str,
        identity: str,
        request: ApiRequest,
        shape: Shape,
        now: datetime,
    ) -> Json:
        """Answer one object; a deleted customer is a stub, an old event is gone."""
        found = self._ledger.one(name, identity, shape, now)
        if found is None:
            raise _missing(_SINGULAR[name], identity, "id")
        return self._expand([found], _expand_paths(request, ""), shape, now)[0]

    def _expand(
        self, rows: Sequence[Json], paths: Sequence[str], shape: Shape, now: datetime
    ) -> list[Json]:
        """Return the rows with ids replaced by objects where asked."""
        if not paths:
            return list(rows)
        copied = copy.deepcopy(list(rows))
        for path in paths:
            for row in copied:
                self._expand_path(row, path.split("."), shape, now)
        return copied

    def _expand_path(
        self, holder: object, steps: Sequence[str], shape: Shape, now: datetime
    ) -> None:
        """Replace the ids at the end of one path inside a row."""
        if isinstance(holder, list):
            for one in holder:
                self._expand_path(one, steps, shape, now)
            return
        if not steps or not isinstance(holder, dict):
            return
        step, rest = steps[0], steps[1:]
        if step == "payments" and holder.get("object") == "invoice":
            rows = self._ledger.rows("invoice_payments", shape, now)
            own = [row for row in rows if row["invoice"] == holder["id"]]
            url = f"/v1/invoice_payments?invoice={holder['id']}"
            holder["payments"] = {
                "object": "list",
                "data": own,
                "has_more": False,
                "url": url,
            }
        elif step == "tiers" and holder.get("object") == "price":
            holder.setdefault("tiers", None)
        elif step not in holder:
            message = f"This property cannot be expanded ({step})."
            raise RefusedError(400, message)
        elif not isinstance(holder[step], dict):
            holder[step] = self._expanded(holder[step], step, shape, now)
        self._expand_path(holder[step], rest, shape, now)

    def _expanded(
        self, value: object, field: str, shape: Shape, now: datetime
    ) -> object:
        """Return an id, or a list of ids, as objects."""
        if value is None:
            return None
        if isinstance(value, list):
            return [self._expanded(one, field, shape, now) for one in value]
        if isinstance(value, dict):
            return value
        collection = _EXPANDABLE.get(field)
        if collection is None:
            message = f"This property cannot be expanded ({field})."
            raise RefusedError(400, message)
        found = self._ledger.one(collection, str(value), shape, now)
        return copy.deepcopy(found) if found is not None else value


def _authenticate(request: ApiRequest) -> None:
    """Refuse a request without a key; both ways Stripe accepts are accepted."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "basic"} and token.strip():
        return
    message = (
        "You did not provide an API key. You need to provide your API key in the "
        "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
        "YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details."
    )
    raise RefusedError(401, message)


def _check_parameters(name: str, request: ApiRequest) -> None:
    """Refuse a parameter the list does not know, as Stripe does."""
    allowed = _FILTERS[name] | _PAGING
    for parameter in request.query:
        plain = "expand[]" if parameter.startswith("expand[") else parameter
        if _CREATED.fullmatch(plain):
            plain = "created"
        if plain.startswith("types["):
            plain = "types[]"
        if plain not in allowed:
            raise _unknown_parameter(parameter)


def _page_of(request: ApiRequest) -> _Page:
    """Return the page asked for, or refuse its size."""
    text = request.first("limit", str(_DEFAULT_LIMIT))
    if not text.isdigit():
        message = f"Invalid integer: {text}"
        raise RefusedError(
            400, message, code="parameter_invalid_integer", param="limit"
        )
    limit = int(text)
    if not 1 <= limit <= _PAGE_LIMIT:
        bound = "greater than or equal to 1"
        if limit > _PAGE_LIMIT:
            bound = f"less than or equal to {_PAGE_LIMIT}"
        message = f"This value must be {bound} (it currently is {limit})."
        raise RefusedError(
            400, message, code="parameter_invalid_integer", param="limit"
        )
    return _Page(
        limit=limit,
        starting_after=request.first("starting_after"),
        ending_before=request.first("ending_before"),
    )


def _cut(rows: Sequence[Json], page: _Page, singular: str) -> tuple[list[Json], bool]:
    """Return the page's rows and whether more follow."""
    if page.ending_before:
        end = _position(rows, page.ending_before, singular, "ending_before")
        start = max(0, end - page.limit)
        return list(rows[start:end]), start > 0
    start = 0
    if page.starting_after:
        start = _position(rows, page.starting_after, singular, "starting_after") + 1
    stop = start + page.limit
    return list(rows[start:stop]), stop < len(rows)


def _position(
    rows: Sequence[Json], identity: str, singular: str, parameter: str
) -> int:
    """Return the place of the cursor object in the list, or refuse an unknown one."""
    for index, row in enumerate(rows):
        if row["id"] == identity:
            return index
    raise _missing(singular, identity, parameter)


def _filtered(name: str, rows: Sequence[Json], request: ApiRequest) -> list[Json]:
    """Return the rows that pass the list's filters."""
    kept = _with_status(name, rows, request.first("status"))
    for parameter, values in request.query.items():
        match = _CREATED.fullmatch(parameter)
        if match:
            bound = _epoch_bound(values[0], parameter)
            kept = [row for row in kept if _compare(row["created"], match[1], bound)]
        elif parameter.startswith("type") and name == "events":
            kept = [row for row in kept if _type_matches(str(row["type"]), values)]
        elif parameter == "active":
            kept = [row for row in kept if row["active"] is (values[0] == "true")]
        elif parameter == "subscription" and name == "invoices":
            kept = [row for row in kept if _subscription_of(row) == values[0]]
        elif parameter in _FILTERS[name] - {"status", "price"}:
            kept = [row for row in kept if row.get(parameter) == values[0]]
    return kept


def _with_status(name: str, rows: Sequence[Json], status: str) -> list[Json]:
    """Return the rows of the asked status; cancelled subscriptions only when asked for."""
    if name != "subscriptions":
        return [row for row in rows if not status or row.get("status") == status]
    ended = {"canceled", "incomplete_expired"}
    match status:
        case "all":
            return list(rows)
        case "":
            return [row for row in rows if row["status"] not in ended]
        case "ended":
            return [row for row in rows if row["status"] in ended]
        case _:
            return [row for row in rows if row["status"] == status]


def _subscription_of(invoice: Json) -> object:
    """Return the subscription of a rendered invoice, in either shape."""
    parent = invoice.get("parent")
    if isinstance(parent, dict):
        return parent["subscription_details"]["subscription"]
    return invoice.get("subscription")


def _type_matches(kind: str, patterns: Sequence[str]) -> bool:
    """Tell whether an event type is named, directly or by a trailing `*`."""
    return any(
        kind.startswith(one[:-1]) if one.endswith("*") else kind == one
        for one in patterns
    )


def _epoch_bound(text: str, parameter: str) -> int:
    """Return an epoch bound, or refuse the text."""
    if not text.isdigit():
        message = f"Invalid integer: {text}"
        raise RefusedError(
            400, message, code="parameter_invalid_integer", param=parameter
        )
    return int(text)


def _compare(created: object, operator: str | None, bound: int) -> bool:
    """Compare a creation time with a bound."""
    value = int(str(created))
    match operator:
        case "gt":
            return value > bound
        case "gte":
            return value >= bound
        case "lt":
            return value < bound
        case "lte":
            return value <= bound
        case _:
            return value == bound


def _expand_paths(request: ApiRequest, prefix: str) -> list[str]:
    """Return the expansion paths inside a row, or refuse too deep ones."""
    values = [
        value
        for parameter, found in request.query.items()
        if parameter.startswith("expand[")
        for value in found
    ]
    for value in values:
        if value.count(".") >= _EXPAND_DEPTH:
            message = (
                f"You cannot expand more than {_EXPAND_DEPTH} levels of a property"
            )
            raise RefusedError(400, f"{message} ({value}).")
        if not value.startswith(prefix):
            message = (
                f"This property cannot be expanded ({value}). You may want to try "
                f"expanding 'data.{value}' instead."
            )
            raise RefusedError(400, message)
    return [value.removeprefix(prefix) for value in values]


def _missing(singular: str, identity: str, parameter: str) -> RefusedError:
    """Return the refusal of an id that names nothing."""
    return RefusedError(
        400 if parameter in {"starting_after", "ending_before"} else 404,
        f"No such {singular}: '{identity}'",
        code="resource_missing",
        doc_url="https://stripe.com/docs/error-codes/resource-missing",
        param=parameter,
    )


def _unknown_parameter(parameter: str) -> RefusedError:
    """Return the refusal of a parameter the resource does not have."""
    return RefusedError(
        400,
        f"Received unknown parameter: {parameter}",
        code="parameter_unknown",
        doc_url="https://stripe.com/docs/error-codes/parameter-unknown",
        param=parameter,
    )
