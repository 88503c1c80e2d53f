"""Meta's Graph API over one ad account: insights, campaigns, ads, async reports.

Belongs here: paths, fields, paging and error bodies as developers.facebook.com documents them
(read 2026-09). Stays out: faults.

Kept traps: every number is text, zero metrics are missing, archived and deleted campaigns
need an `effective_status` filter in lists and at campaign level while the account level keeps
their spend, `actions` counts one lead under several types, the next link carries the token,
too many daily rows at once are refused with code 1, and history ends after 37 months.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ingest.sandbox.vendors.render import stable_token
from ingest.sandbox.wire import ApiAnswer, ApiRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ingest.sandbox.model import AdPlatform, Fields

_PATH: Final = re.compile(r"/v(\d+)\.0/(act_\d+|\d+)(?:/(insights|campaigns|ads))?")
_PERMISSIONS: Final = re.compile(r"/v\d+\.0/me/permissions")
_OLDEST_VERSION: Final = 23
_DEFAULT_LIMIT: Final = 25
_HISTORY_MONTHS: Final = 37
_SYNC_DAYS: Final = 366
"""Daily campaign rows a synchronous query answers; Meta names no number, it only refuses."""
_HIDDEN: Final = frozenset({"ARCHIVED", "DELETED"})
_THROTTLE: Final = {
    "x-fb-ads-insights-throttle": json.dumps(
        {
            "app_id_util_pct": 3.0,
            "acc_id_util_pct": 2.0,
            "ads_api_access_tier": "standard_access",
        }
    ),
    "x-ad-account-usage": json.dumps({"acc_id_util_pct": 2.0}),
    "facebook-api-version": "v24.0",
}
_LEVEL_FIELDS: Final = frozenset({"campaign_id", "campaign_name", "objective"})
_INSIGHT_FIELDS: Final = frozenset(
    {
        "account_id",
        "account_name",
        "account_currency",
        "spend",
        "impressions",
        "clicks",
        "inline_link_clicks",
        "actions",
        "action_values",
        "date_start",
        "date_stop",
        "cpc",
        "cpm",
        "ctr",
        *_LEVEL_FIELDS,
    }
)
_LEAD_TYPES: Final = ("lead", "onsite_conversion.lead_grouped")
_PURCHASE_TYPES: Final = (
    "purchase",
    "omni_purchase",
    "offsite_conversion.fb_pixel_purchase",
)
_CAMPAIGN_FIELDS: Final = frozenset(
    {
        "id",
        "name",
        "status",
        "effective_status",
        "objective",
        "start_time",
        "stop_time",
        "account_id",
        "created_time",
        "updated_time",
        "ads",
    }
)
_AD_FIELDS: Final = frozenset(
    {"id", "name", "campaign_id", "effective_status", "creative"}
)
_ACCOUNT_FIELDS: Final = frozenset(
    {
        "id",
        "account_id",
        "name",
        "currency",
        "timezone_name",
        "account_status",
        "timezone_offset_hours_utc",
    }
)
_FIELD: Final = re.compile(r"(\w+)(?:\.\w+\([^()]*\))*(?:\{(.*)\})?", re.DOTALL)
"""A field, its modifiers such as `.limit(1)`, and the fields asked inside it."""

Json = dict[str, object]


class GraphError(Exception):
    """Graph answers with an error body."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        kind: str = "OAuthException",
    ) -> None:
        """Keep what the body says."""
        super().__init__(message)
        self.answer = ApiAnswer(
            status,
            {
                "error": {
                    "message": message,
                    "type": kind,
                    "code": code,
                    "fbtrace_id": stable_token(code, message, length=11),
                }
            },
            _THROTTLE,
        )


class MetaAdsApi:
    """Answers Graph requests for one ad account."""

    def __init__(self, platform: AdPlatform) -> None:
        """Keep the account and the reports asked for."""
        self._platform = platform
        self._account_id = str(platform.account["account_id"]).removeprefix("act_")
        self._zone = ZoneInfo(str(platform.account["timezone"]))
        self._reports: dict[str, Mapping[str, str]] = {}

    def answer(self, request: ApiRequest, now: datetime) -> ApiAnswer:
        """Answer the request as Graph would at that instant."""
        try:
            payload = self._route(request, now)
        except GraphError as error:
            return error.answer
        return ApiAnswer(200, payload, _THROTTLE)

    def _route(self, request: ApiRequest, now: datetime) -> Json:
        """Find the node and edge and answer."""
        parameters = _parameters(request)
        if not request.has_bearer and not parameters.get("access_token"):
            message = "Invalid OAuth access token - Cannot parse access token"
            raise GraphError(190, message)
        if _PERMISSIONS.fullmatch(request.path) and request.method == "GET":
            return {"data": [{"permission": "ads_read", "status": "granted"}]}
        match = _PATH.fullmatch(request.path)
        if match is None:
            message = f"Unknown path components: {request.path}"
            raise GraphError(2500, message)
        if int(match[1]) < _OLDEST_VERSION:
            message = f"(#2635) You are calling a deprecated version: v{match[1]}.0"
            raise GraphError(2635, message)
        node, edge = match[2], match[3] or ""
        own = f"act_{self._account_id}"
        if node in self._reports:
            return self._report(node, edge, request, now)
        if node == own and request.method == "POST" and edge == "insights":
            return self._start_report(parameters, now)
        if request.method == "GET":
            if node == own:
                return self._account_edge(edge, request, parameters, now)
            campaign = self._campaigns(now).get(node)
            if campaign is not None and not edge:
                # A deleted object can still be read by its own id.
                return self._render_campaign(campaign, parameters.get("fields", ""))
        message = (
            f"Unsupported {request.method.lower()} request. Object with ID '{node}' does "
            "not exist, cannot be loaded due to missing permissions, or does not support "
            "this operation."
        )
        raise GraphError(100, message, kind="GraphMethodException")

    def _account_edge(
        self,
        edge: str,
        request: ApiRequest,
        parameters: Mapping[str, str],
        now: datetime,
    ) -> Json:
        """Answer the account itself or one of its edges."""
        if edge == "insights":
            rows = self._insights(parameters, now, sync=True)
        elif edge == "campaigns":
            asked = parameters.get("fields", "")
            shown = _with_status(self._campaigns(now).values(), parameters)
            rows = [self._render_campaign(one, asked) for one in shown]
        elif edge == "ads":
            rows = self._ads(parameters, now)
        else:
            return self._account(parameters, now)
        return _page(rows, request, parameters)

    def _account(self, parameters: Mapping[str, str], now: datetime) -> Json:
        """Return the account's asked fields; the id always comes."""
        account = self._platform.account
        offset = now.astimezone(self._zone).utcoffset() or timedelta()
        known: Json = {
            "account_id": self._account_id,
            "name": account.get("account_name"),
            "currency": account["currency"],
            "timezone_name": account["timezone"],
            "account_status": 1,
            "timezone_offset_hours_utc": int(offset.total_seconds() // 3600),
        }
        names = _fields(parameters, _ACCOUNT_FIELDS)
        asked = {name: known[name] for name in names if name in known}
        return {**asked, "id": f"act_{self._account_id}"}

    def _campaigns(self, now: datetime) -> dict[str, Fields]:
        """Return every campaign by id, whatever its status."""
        states = (one.state_at(now) for one in self._platform.campaigns)
        return {str(state["campaign_id"]): state for state in states if state}

    def _render_campaign(self, state: Fields, asked_text: str) -> Json:
        """Return a campaign's asked fields; blanks are missing."""
        names = _fields({"fields": asked_text}, _CAMPAIGN_FIELDS)
        effective = str(state["status"])
        known: Json = {
            "id": str(state["campaign_id"]),
            "account_id": self._account_id,
            "name": state.get("campaign_name"),
            "status": effective,
            "effective_status": effective,
            "objective": state.get("objective"),
            "start_time": self._midnight(state.get("started_on")),
            "created_time": self._midnight(state.get("started_on")),
            "updated_time": self._midnight(state.get("started_on")),
            "stop_time": self._midnight(state.get("ended_on")),
            "ads": self._own_ads(state, _nested(asked_text).get("ads", "")),
        }
        asked = dict.fromkeys((*names, "id"))
        return {name: known[name] for name in asked if known[name] is not None}

    def _own_ads(self, campaign: Fields, asked: str) -> Json | None:
        """Return the ads edge inside a campaign; ads of a deleted one are gone with it."""
        if campaign["status"] == "DELETED":
            return None
        cursors = {"before": _cursor(0), "after": _cursor(1)}
        return {"data": [self._ad(campaign, asked)], "paging": {"cursors": cursors}}

    def _midnight(self, day: object) -> str | None:
        """Return a day as Graph writes its first instant in the account's zone."""
        if not isinstance(day, date):
            return None
        start = datetime.combine(day, time(), self._zone)
        return start.strftime("%Y-%m-%dT%H:%M:%S%z")

    def _ads(self, parameters: Mapping[str, str], now: datetime) -> list[Json]:
        """Return the ads of the account, one per campaign."""
        asked = parameters.get("fields", "")
        shown = _with_status(self._campaigns(now).values(), parameters)
        return [self._ad(campaign, asked) for campaign in shown]

    def _ad(self, campaign: Fields, asked: str) -> Json:
        """Return the campaign's ad: its creative carries the URL tags."""
        names = _fields({"fields": asked}, _AD_FIELDS)
        identity = f"{campaign['campaign_id']}01"
        creative: Json = {"id": f"{identity}9"}
        utm = campaign.get("utm_campaign")
        if utm and "url_tags" in _nested(_nested(asked).get("creative", "")):
            creative["url_tags"] = (
                f"utm_source=facebook&utm_medium=paid_social&utm_campaign={utm}"
            )
        known: Json = {
            "id": identity,
            "name": campaign.get("campaign_name"),
            "campaign_id": str(campaign["campaign_id"]),
            "effective_status": campaign["status"],
            "creative": creative,
        }
        return {name: known[name] for name in dict.fromkeys((*names, "id"))}

    def _start_report(self, parameters: Mapping[str, str], now: datetime) -> Json:
        """Register an async report; it is done at once."""
        self._insights(parameters, now, sync=False)
        identity = str(int(stable_token(sorted(parameters.items()), length=12), 16))
        self._reports[identity] = dict(parameters)
        return {"report_run_id": identity}

    def _report(self, node: str, edge: str, request: ApiRequest, now: datetime) -> Json:
        """Answer the state or the rows of an async report."""
        if edge == "insights":
            rows = self._insights(self._reports[node], now, sync=False)
            return _page(rows, request, _parameters(request))
        stamp = int(now.timestamp())
        return {
            "id": node,
            "account_id": self._account_id,
            "time_ref": stamp,
            "time_completed": stamp,
            "async_status": "Job Completed",
            "async_percent_completion": 100,
        }

    def _insights(
        self, parameters: Mapping[str, str], now: datetime, *, sync: bool
    ) -> list[Json]:
        """Return insight rows, by day or over the whole range."""
        names = _fields(parameters, _INSIGHT_FIELDS) or ("spend", "impressions")
        level = parameters.get("level", "account")
        if level not in {"account", "campaign"}:
            message = f"(#100) level must be one of account, campaign, not {level}"
            raise GraphError(100, message)
        since, until = self._range(parameters, now)
        daily = parameters.get("time_increment", "all_days") == "1"
        if (
            sync
            and daily
            and level == "campaign"
            and (until - since).days >= _SYNC_DAYS
        ):
            message = (
                "Please reduce the amount of data you're asking for, then retry your "
                "request"
            )
            raise GraphError(1, message, status=500)
        campaigns = self._campaigns(now)
        shown = {
            str(one["campaign_id"])
            for one in _with_status(campaigns.values(), parameters)
        }
        totals: dict[tuple[str, date], dict[str, Decimal]] = {}
        for fact, state in self._platform.campaign_days(now, since, until):
            if level == "campaign" and fact.campaign_id not in shown:
                continue
            owner = fact.campaign_id if level == "campaign" else ""
            total = totals.setdefault((owner, fact.date if daily else since), {})
            for name, value in state.items():
                total[name] = total.get(name, Decimal()) + Decimal(str(value or 0))
        rows: list[Json] = []
        for (owner, day), total in sorted(totals.items(), key=lambda one: one[0][::-1]):
            stop = day if daily else until
            values = self._metrics(total, campaigns.get(owner))
            values |= {"date_start": day.isoformat(), "date_stop": stop.isoformat()}
            asked = dict.fromkeys((*names, "date_start", "date_stop"))
            rows.append({name: values[name] for name in asked if name in values})
        return rows

    def _metrics(self, total: Mapping[str, Decimal], campaign: Fields | None) -> Json:
        """Return the fields of an insight row that are not blank; numbers are text."""
        clicks = int(total.get("clicks", Decimal()))
        leads = int(total.get("reported_leads", Decimal()))
        value = total.get("conversion_value", Decimal())
        row: Json = {
            "account_id": self._account_id,
            "account_name": self._platform.account.get("account_name"),
            "account_currency": self._platform.account["currency"],
            "spend": f"{total.get('spend', Decimal()):f}",
            "impressions": str(int(total.get("impressions", Decimal()))),
            # All clicks: likes and profile taps come on top of link clicks.
            "clicks": str(clicks + clicks // 4),
        }
        if campaign is not None:
            row["campaign_id"] = str(campaign["campaign_id"])
            row["campaign_name"] = campaign.get("campaign_name")
            row["objective"] = campaign.get("objective")
        actions = [_action("link_click", str(clicks))] if clicks else []
        if clicks:
            row["inline_link_clicks"] = str(clicks)
        if leads:
            actions.extend(_action(kind, str(leads)) for kind in _LEAD_TYPES)
        if actions:
            row["actions"] = actions
        if value:
            row["action_values"] = [
                _action(kind, f"{value:f}") for kind in _PURCHASE_TYPES
            ]
        return row

    def _range(self, parameters: Mapping[str, str], now: datetime) -> tuple[date, date]:
        """Return first and last day asked for, in the account's zone."""
        today = now.astimezone(self._zone).date()
        text = parameters.get("time_range")
        if text is None:
            return today - timedelta(days=30), today - timedelta(days=1)
        try:
            asked = json.loads(text)
            since = date.fromisoformat(asked["since"])
            until = date.fromisoformat(asked["until"])
        except (KeyError, TypeError, ValueError) as error:
            message = "(#100) Param time_range must be a JSON object of since and until"
            raise GraphError(100, message) from error
        if since > until:
            message = "(#100) since must be before until in param time_range"
            raise GraphError(100, message)
        months = (today.year - since.year) * 12 + today.month - since.month
        if months > _HISTORY_MONTHS:
            message = (
                "(#3018) The start date of the time range cannot be beyond 37 months "
                "from the current date"
            )
            raise GraphError(3018, message)
        return since, until


def _action(kind: str, value: str) -> Json:
    """Return one entry of actions or action_values."""
    return {"action_type": kind, "value": value}


def _parameters(request: ApiRequest) -> dict[str, str]:
    """Return parameters of the query and, for POST, of the form body."""
    found = {name: values[0] for name, values in request.query.items()}
    if request.method == "POST" and request.body:
        body = request.body.decode()
        if body.lstrip().startswith("{"):
            found |= {
                str(name): _as_text(value) for name, value in json.loads(body).items()
            }
        else:
            form = ApiRequest("POST", "", body, {}, b"", "")
            found |= {name: values[0] for name, values in form.query.items()}
    return found


def _as_text(value: object) -> str:
    """Return a JSON value as the text a form would carry."""
    return value if isinstance(value, str) else json.dumps(value)


def _fields(parameters: Mapping[str, str], known: frozenset[str]) -> tuple[str, ...]:
    """Return the asked field names, or refuse an unknown one."""
    names = tuple(_nested(parameters.get("fields", "")))
    for name in names:
        if name not in known:
            message = f"(#100) Tried accessing nonexisting field ({name})"
            raise GraphError(100, message)
    return names


def _nested(text: str) -> dict[str, str]:
    """Return field names and, of each, the fields asked inside: `ads.limit(1){id}`."""
    found: dict[str, str] = {}
    depth, start = 0, 0
    for index, sign in enumerate(f"{text},"):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            match = _FIELD.fullmatch(text[start:index].strip())
            if match:
                found[match[1]] = match[2] or ""
            start = index + 1
    return found


def _with_status(
    campaigns: Iterable[Fields], parameters: Mapping[str, str]
) -> list[Fields]:
    """Return the campaigns whose status is asked for; by default the hidden ones are not."""
    wanted = _wanted_statuses(parameters)
    found: list[Fields] = list(campaigns)
    if wanted is None:
        return [one for one in found if str(one["status"]) not in _HIDDEN]
    return [one for one in found if str(one["status"]) in wanted]


def _wanted_statuses(parameters: Mapping[str, str]) -> set[str] | None:
    """Return the statuses of an effective_status filter; None = no filter."""
    try:
        if "effective_status" in parameters:
            return {str(one) for one in json.loads(parameters["effective_status"])}
        for one in json.loads(parameters.get("filtering", "[]")):
            if str(one["field"]).endswith("effective_status"):
                values = one["value"]
                found = values if isinstance(values, list) else [values]
                return {str(value) for value in found}
    except (KeyError, TypeError, ValueError) as error:
        message = "(#100) Param filtering must be an array of filter objects"
        raise GraphError(100, message) from error
    return None


def _page(
    rows: Sequence[Json], request: ApiRequest, parameters: Mapping[str, str]
) -> Json:
    """Return one page with cursors and, unless it is the last, the whole next link."""
    limit = int(parameters.get("limit", _DEFAULT_LIMIT))
    if limit < 1:
        message = "(#100) Param limit must be positive"
        raise GraphError(100, message)
    start = _offset(parameters["after"]) if parameters.get("after") else 0
    stop = min(start + limit, len(rows))
    page = list(rows[start:stop])
    if not page:
        return {"data": []}
    cursors = {"before": _cursor(start), "after": _cursor(stop)}
    paging: Json = {"cursors": cursors}
    if stop < len(rows):
        query = urlencode({**parameters, "after": cursors["after"]})
        paging["next"] = f"{request.base_url}{request.path}?{query}"
    return {"data": page, "paging": paging}


def _cursor(offset: int) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(cursor: str) -> int:
    """Return the offset a cursor stands for, or refuse it."""
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()).decode())
    except ValueError as error:
        message = "(#100) Invalid cursors values"
        raise GraphError(100, message) from error
