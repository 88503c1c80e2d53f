"""Scripted faults: what goes wrong on the wire, when, and how often.

Belongs here: the fault rules tests post to `/_sandbox/faults` and what each does to an answer.
Stays out: sockets (`server` carries out the wire plan), retries, anything the simulated
company itself gets wrong (late, restated or merged records are data, not faults).

A rule is a JSON object: what it matches, then what it does.

    {"path": "/hubspot/crm/v3/objects/deals/search", "nth": 2, "times": 1,
     "action": "status", "status": 429, "headers": {"Retry-After": "1"}}

`path` (regular expression searched in path and query) and `body` (searched in the request
body) must both match. `nth` starts at the n-th match (default 1), `times` is how many matches
in a row are hit (default 1, 0 = every one from there on). All rules that match apply in order.

Actions and their own fields:

- `status`: `status`, `payload` (JSON) or `text`, `headers`
- `html`: 200 with a login page, as a proxy answers
- `cut`: `share` of the body is sent under the full Content-Length, then the line drops
- `no_length`: `share` of the body is sent with no length at all, then the line closes; both
  take `rows` instead of `share`: cut right behind that many rows
- `disconnect`: the line drops before any answer
- `delay`: `seconds` before the answer
- `repeat_page`: the preceding answer on this path is sent again
- `drop_rows`: `share` of the rows of a page go missing
- `duplicate_rows`: the first `count` rows of a page are sent twice
- `drop_field`, `rename_field` (`to`), `retype_field` (`type`: string, integer, number, null,
  list, object), `add_field` (`value`): every object that has `field`; `add_field` adds `field`
  to every row; `count` limits the first three to that many objects of a page
- `rate_limit`: 429 with Retry-After 1 beyond `requests` in `seconds` (on the machine's clock),
  as vendors document their limits: HubSpot 190 in 10 s, its search 5 in 1 s; Stripe 100 in 1 s
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal

from ingest.sandbox.wire import JSON_TYPE, ApiAnswer, dump_json

_LOGIN_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b"<body><form action='/login'>Please sign in to continue.</form></body></html>"
)
_ROW_KEYS: Final = ("results", "data")
_TOO_MANY: Final = 429

Wire = Literal["whole", "cut", "no_length", "disconnect"]


class FaultScriptError(ValueError):
    """A posted fault rule is not one of the documented forms."""


@dataclass(frozen=True)
class WirePlan:
    """The bytes to send and how the line treats them."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    wire: Wire = "whole"
    sent_bytes: int | None = None
    delay_seconds: float = 0.0
    applied: tuple[str, ...] = ()


@dataclass
class _Rule:
    """One rule with the count of requests it has matched so far."""

    action: str
    path: re.Pattern[str]
    body: re.Pattern[str] | None
    nth: int
    times: int
    options: Mapping[str, object]
    matched: int = 0
    served: deque[float] = field(default_factory=deque)

    def strikes(self, target: str, body: str, now: float) -> bool:
        """Count a match and tell whether this one is hit."""
        if not self.path.search(target):
            return False
        if self.body is not None and not self.body.search(body):
            return False
        if self.action == "rate_limit":
            return self._is_beyond(now)
        self.matched += 1
        past_first = self.matched - self.nth
        return past_first >= 0 and (self.times == 0 or past_first < self.times)

    def _is_beyond(self, now: float) -> bool:
        """Count a request against the limit of this rule; refused ones do not count."""
        window = float(str(self.options["seconds"]))
        while self.served and self.served[0] <= now - window:
            self.served.popleft()
        if len(self.served) >= int(str(self.options["requests"])):
            return True
        self.served.append(now)
        return False


@dataclass
class FaultScript:
    """The rules in force and the last answer of each path, shared by all threads."""

    clock: Callable[[], float] = time.monotonic
    _rules: list[_Rule] = field(default_factory=list)
    _previous: dict[str, WirePlan] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, rules: object) -> None:
        """Replace all rules and forget what earlier ones have counted.

        Raises:
            FaultScriptError: a rule is malformed; the old rules stay.
        """
        if not isinstance(rules, list):
            message = "faults must be a JSON list of rules"
            raise FaultScriptError(message)
        parsed = [_parse_rule(rule) for rule in rules]
        with self._lock:
            self._rules = parsed
            self._previous.clear()

    def plan(self, path: str, target: str, body: bytes, answer: ApiAnswer) -> WirePlan:
        """Return what goes over the wire for the answer to a request.

        Args:
            path: path without query; pages of one list share it.
            target: path with query, which rules are matched against.
            body: request body, which rules may be matched against.
            answer: what the vendor would say.
        """
        plan = WirePlan(
            status=answer.status,
            headers={"Content-Type": JSON_TYPE, **answer.headers},
            body=dump_json(answer.payload),
        )
        with self._lock:
            text = body.decode("utf-8", "replace") if self._rules else ""
            now = self.clock()
            struck = [rule for rule in self._rules if rule.strikes(target, text, now)]
            previous = self._previous.get(path)
            self._previous[path] = plan
        for rule in struck:
            plan = _apply(rule, plan, previous)
        return plan


def _parse_rule(rule: object) -> _Rule:
    """Return the rule, or refuse it with the reason."""
    if not isinstance(rule, Mapping):
        message = "a fault rule must be a JSON object"
        raise FaultScriptError(message)
    options = dict(rule)
    action = str(options.pop("action", ""))
    if action not in _ACTIONS:
        message = f"fault action {action!r} is unknown; known: {sorted(_ACTIONS)}"
        raise FaultScriptError(message)
    body = options.pop("body", None)
    try:
        parsed = _Rule(
            action=action,
            path=re.compile(str(options.pop("path", ""))),
            body=None if body is None else re.compile(str(body)),
            nth=int(str(options.pop("nth", 1))),
            times=int(str(options.pop("times", 1))),
            options=options,
        )
    except (re.error, ValueError) as error:
        message = f"fault rule {action!r} is malformed: {error}"
        raise FaultScriptError(message) from error
    missing = _ACTIONS[action].needs - set(options)
    if missing:
        message = f"fault action {action!r} needs {sorted(missing)}"
        raise FaultScriptError(message)
    return parsed


def _apply(rule: _Rule, plan: WirePlan, previous: WirePlan | None) -> WirePlan:
    """Return the plan after one rule."""
    changed = _ACTIONS[rule.action].change(rule.options, plan, previous)
    return replace(changed, applied=(*plan.applied, rule.action))


Change = Callable[[Mapping[str, object], WirePlan, WirePlan | None], WirePlan]


def _answer_status(
    options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
) -> WirePlan:
    """Replace the answer by a scripted one."""
    headers = {str(k): str(v) for k, v in _mapping(options.get("headers")).items()}
    if "text" in options:
        content, body = "text/plain", str(options["text"]).encode()
    else:
        content, body = JSON_TYPE, dump_json(options.get("payload", {}))
    return replace(
        plan,
        status=int(str(options["status"])),
        headers={"Content-Type": content, **headers},
        body=body,
    )


def _refuse_too_many(
    _options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
) -> WirePlan:
    """Answer as a vendor that was asked too often."""
    body = dump_json({"status": "error", "message": "You have reached your limit."})
    headers = {"Content-Type": JSON_TYPE, "Retry-After": "1"}
    return replace(plan, status=_TOO_MANY, headers=headers, body=body)


def _answer_html(
    _options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
) -> WirePlan:
    """Replace the answer by a login page that claims success."""
    return replace(
        plan, status=200, headers={"Content-Type": "text/html"}, body=_LOGIN_PAGE
    )


def _break_wire(wire: Wire) -> Change:
    """Return a change that breaks the line in that way."""

    def change(
        options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
    ) -> WirePlan:
        return replace(plan, wire=wire, sent_bytes=_sent_bytes(options, plan.body))

    return change


def _sent_bytes(options: Mapping[str, object], body: bytes) -> int:
    """Return after how many bytes the line breaks."""
    if "rows" not in options:
        return int(len(body) * Decimal(str(options.get("share", "0.5"))))
    rows = int(str(options["rows"]))
    ends = [match.start() + 1 for match in re.finditer(rb"\},\{", body)]
    if rows > len(ends):
        message = f"the answer has no {rows} rows to cut behind"
        raise FaultScriptError(message)
    return ends[rows - 1]


def _delay(
    options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
) -> WirePlan:
    """Hold the answer back."""
    return replace(plan, delay_seconds=float(str(options["seconds"])))


def _repeat_page(
    _options: Mapping[str, object], plan: WirePlan, previous: WirePlan | None
) -> WirePlan:
    """Send the preceding answer of the path again; the first request has none."""
    return plan if previous is None else previous


def _change_rows(
    change: Callable[[list[object], Mapping[str, object]], None],
) -> Change:
    """Return a change of the rows of a page."""

    def apply(
        options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
    ) -> WirePlan:
        payload = json.loads(plan.body, parse_float=Decimal)
        for rows in _row_lists(payload):
            change(rows, options)
        return replace(plan, body=dump_json(payload))

    return apply


def _drop_rows(rows: list[object], options: Mapping[str, object]) -> None:
    """Drop that share of the rows, spread evenly, so that a page looks plausible."""
    share = Decimal(str(options.get("share", "0.5")))
    kept = [
        row
        for index, row in enumerate(rows)
        if int((index + 1) * share) == int(index * share)
    ]
    rows[:] = kept


def _duplicate_rows(rows: list[object], options: Mapping[str, object]) -> None:
    """Send the first rows of the page twice."""
    rows.extend(rows[: int(str(options.get("count", 1)))])


def _add_field(rows: list[object], options: Mapping[str, object]) -> None:
    """Give every row a field the contract does not know."""
    for row in rows:
        if isinstance(row, dict):
            # HubSpot keeps its fields one level down.
            target = row.get("properties", row)
            target[str(options["field"])] = options.get("value")


def _change_field(
    change: Callable[[dict[str, object], str, Mapping[str, object]], None],
) -> Change:
    """Return a change of every object that has the field, at any depth."""

    def apply(
        options: Mapping[str, object], plan: WirePlan, _previous: WirePlan | None
    ) -> WirePlan:
        payload = json.loads(plan.body, parse_float=Decimal)
        name = str(options["field"])
        held = [found for found in _objects(payload) if name in found]
        for found in held[: int(str(options.get("count", len(held))))]:
            change(found, name, options)
        return replace(plan, body=dump_json(payload))

    return apply


def _drop_field(
    found: dict[str, object], name: str, _options: Mapping[str, object]
) -> None:
    """Take the field away."""
    del found[name]


def _rename_field(
    found: dict[str, object], name: str, options: Mapping[str, object]
) -> None:
    """Give the field another name."""
    found[str(options["to"])] = found.pop(name)


def _retype_field(
    found: dict[str, object], name: str, options: Mapping[str, object]
) -> None:
    """Send the field as another JSON type."""
    value = found[name]
    by_type: dict[str, object] = {
        "string": f"{value}",
        "integer": 1,
        "number": Decimal("1.5"),
        "null": None,
        "list": [value],
        "object": {"value": value},
    }
    found[name] = by_type[str(options["type"])]


def _row_lists(payload: object) -> list[list[object]]:
    """Return the lists of rows in a page; a Google stream has one per batch."""
    holders = payload if isinstance(payload, list) else [payload]
    return [
        holder[key]
        for holder in holders
        if isinstance(holder, dict)
        for key in _ROW_KEYS
        if isinstance(holder.get(key), list)
    ]


def _objects(payload: object) -> list[dict[str, object]]:
    """Return every JSON object in the payload, outermost first."""
    found: list[dict[str, object]] = []
    pending: list[object] = [payload]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            found.append(value)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return found


def _mapping(value: object) -> Mapping[str, object]:
    """Return the value as a mapping; nothing is an empty one."""
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True)
class _Action:
    """What a fault does and which fields it cannot do without."""

    change: Change
    needs: frozenset[str] = frozenset()


_ACTIONS: Final[Mapping[str, _Action]] = {
    "status": _Action(_answer_status, frozenset({"status"})),
    "html": _Action(_answer_html),
    "cut": _Action(_break_wire("cut")),
    "no_length": _Action(_break_wire("no_length")),
    "disconnect": _Action(_break_wire("disconnect")),
    "rate_limit": _Action(_refuse_too_many, frozenset({"requests", "seconds"})),
    "delay": _Action(_delay, frozenset({"seconds"})),
    "repeat_page": _Action(_repeat_page),
    "drop_rows": _Action(_change_rows(_drop_rows)),
    "duplicate_rows": _Action(_change_rows(_duplicate_rows)),
    "add_field": _Action(_change_rows(_add_field), frozenset({"field"})),
    "drop_field": _Action(_change_field(_drop_field), frozenset({"field"})),
    "rename_field": _Action(_change_field(_rename_field), frozenset({"field", "to"})),
    "retype_field": _Action(_change_field(_retype_field), frozenset({"field", "type"})),
}

KNOWN_ACTIONS: Final[Sequence[str]] = tuple(sorted(_ACTIONS))
