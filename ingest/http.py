"""Requests to vendor APIs: exact JSON, bounded retries, errors classified by recovery.

Belongs here: `ApiClient`, `Authorization`, retry and budget rules, what an answer must look
like to count as one. Stays out: vendors' paths, paging and error codes (sources), reading
secrets (`ingest.config`), what an error body says (`ingest.vendor_errors`).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from ingest.errors import (
    CredentialsError,
    FatalSourceError,
    IngestError,
    RetryableError,
    TruncatedExtract,
)
from ingest.exact_json import NOT_JSON, JsonValue, decode_json, dump_json
from ingest.faults import fault
from ingest.vendor_errors import (
    FORBIDDEN,
    HTTP_OK,
    class_of,
    clean_text,
    describe_body,
    forms_of,
    message_of,
    scopes_of,
)

__all__ = ["ApiClient", "Authorization", "JsonValue", "PageGuard", "dump_json"]

MAX_TRIES: Final = 6
"""Tries per request; five failures in a row are a common burst (reliability.md C3)."""
RETRY_BUDGET_SECONDS: Final = 900.0
"""Waiting allowed per extraction; more would keep one dead source from the night's others."""
MAX_BACKOFF_SECONDS: Final = 60.0
_SECRET_LENGTH: Final = 6
"""Shorter header values are versions and account words, not secrets."""
TIMEOUT_SECONDS: Final = 60.0
"""Silence on the line before a try counts as failed."""
ANSWER_SECONDS: Final = 300.0
"""Time for one whole answer: a body that drips never falls silent and never ends."""

if TYPE_CHECKING:
    from ingest.pages import PageJournal

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Authorization:
    """Secret headers of every request.

    `renew` exchanges a token: before the first request when `headers` hold no
    `Authorization`, and at most once more per client, after the first 401. Its result is laid
    over `headers`. `secrets` travel elsewhere than in a header (a token request's body) and
    are kept out of every text as well.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    renew: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


ErrorClassifier = Callable[[int, object], "type[IngestError] | None"]


class _Retry(Exception):
    """One failed try that may be repeated; `wait` = what the server asked for."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class _Answer:
    """One answer, read to its end."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: httpx.URL


class _Renewed(Exception):
    """The token was exchanged; the request is sent again at once."""


class ApiClient:
    """JSON over HTTP against one base URL, with retries and one retry budget.

    One client serves one extraction. `transport`, `sleep`, `clock` and `jitter` are given by
    tests; without a `clock`, an HTTP date in Retry-After is measured from the server's own
    `Date` header only. `journal` keeps the answers until their stream has landed; a question
    it knows the answer of is not asked. Every error names the source, the path without its
    query, and what the vendor said, cleaned of secrets and personal data.
    """

    def __init__(
        self,
        base_url: str,
        *,
        source: str,
        authorization: Authorization | None = None,
        classify_error: ErrorClassifier | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] | None = None,
        jitter: Callable[[], float] = random.random,
        retry_budget_seconds: float = RETRY_BUDGET_SECONDS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        journal: PageJournal | None = None,
    ) -> None:
        """Open a client; nothing is requested yet."""
        self._base = httpx.URL(base_url.rstrip("/"))
        self._source = source
        self._authorization = authorization or Authorization()
        self._headers = dict(self._authorization.headers)
        self._renewals_left = 1 if self._authorization.renew else 0
        self._classify = classify_error
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._budget = retry_budget_seconds
        self._answer_seconds = answer_seconds
        self._journal = journal
        self.waited_seconds = 0.0
        self.request_count = 0
        self.retry_count = 0
        # A redirect could carry the token to another host; vendors' APIs do not redirect.
        self._http = httpx.Client(
            transport=transport,
            timeout=timeout_seconds,
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        required: str = "",
    ) -> JsonValue:
        """Return the decoded answer of a GET.

        `url` is a path below the base URL or a full `next` link to the same host. `required`
        names a key without which the answer is no answer (never an empty page).

        Raises:
            RetryableError: no proper answer within the tries and the budget.
            CredentialsError: 401 or 403; names the scope when the vendor does.
            FatalSourceError: any other refusal, or a link to another host.
        """
        return self._request(
            "GET", url, params=params, headers=headers, required=required
        )

    def post(
        self,
        url: str,
        *,
        json: JsonValue = None,
        form: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        required: str = "",
    ) -> JsonValue:
        """Return the decoded answer of a POST; for reads only, because it is retried.

        Raises:
            RetryableError: no proper answer within the tries and the budget.
            CredentialsError: 401 or 403; names the scope when the vendor does.
            FatalSourceError: any other refusal, or a link to another host.
        """
        return self._request(
            "POST",
            url,
            params=params,
            headers=headers,
            required=required,
            body=None if json is None else dump_json(json),
            form=form,
        )

    def _request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        required: str,
        body: str | None = None,
        form: Mapping[str, Any] | None = None,
    ) -> JsonValue:
        target = self._target(url)

        def send() -> JsonValue:
            sent = {**self._headers, **(headers or {}), "Accept": "application/json"}
            if body is not None:
                sent["Content-Type"] = "application/json"
            # httpx would let `params` replace the query of the link.
            full = target.copy_merge_params(params) if params else target
            request = self._http.build_request(
                method, full, headers=sent, content=body, data=form
            )
            received = self._send(request)
            answer = self._read(received, required)
            if self._journal is not None:
                self._journal.put(asked, received.content)
            fault("fetch.page")
            return answer

        asked = _question(method, target, params, headers, body)
        kept = None if self._journal is None else self._journal.get(asked)
        if kept is not None:
            return decode_json(kept)
        if not any(name.lower() == "authorization" for name in self._headers):
            self._obtain()

        retrying = Retrying(
            retry=retry_if_exception_type(_Retry),
            wait=self._wait,
            stop=self._must_stop,
            sleep=self._pause,
            reraise=True,
        )
        try:
            try:
                return retrying(send)
            except _Renewed:
                return retrying(send)
        except _Retry as error:
            message = (
                f"{self._where(target)}: {error}; gave up after "
                f"{retrying.statistics.get('attempt_number', 1)} tries and "
                f"{self.waited_seconds:.0f} s of waiting (budget {self._budget:.0f} s). "
                "The next run starts again from the last promoted load"
            )
            raise RetryableError(message) from None

    def _target(self, url: str) -> httpx.URL:
        """Return the full URL; refuse one that leads to another host."""
        if "://" not in url and not url.startswith("//"):
            path, _, query = url.partition("?")
            joined = self._base.path.rstrip("/") + "/" + path.lstrip("/")
            return self._base.copy_with(path=joined, query=query.encode() or None)
        target = self._base.join(url)
        same = (target.scheme, target.host, target.port) == (
            self._base.scheme,
            self._base.host,
            self._base.port,
        )
        if not same:
            message = (
                f"{self._source}: a link of {self._base.host} points to another host "
                f"({target.host}); not followed and no token sent. Check base_url"
            )
            raise FatalSourceError(message)
        return target

    def _renew(self) -> bool:
        if self._renewals_left == 0:
            return False
        self._renewals_left -= 1
        self._obtain()
        return True

    def _obtain(self) -> None:
        """Exchange a token, where the vendor has such a thing."""
        if self._authorization.renew is not None:
            self._headers.update(self._authorization.renew())

    def _send(self, request: httpx.Request) -> _Answer:
        self.request_count += 1
        try:
            return self._receive(request)
        except (
            httpx.TimeoutException,
            httpx.NetworkError,
            httpx.RemoteProtocolError,
            httpx.DecodingError,
        ) as error:
            # Some of these have no text of their own; the class name always says which.
            text = self._clean(str(error)) or "no further text"
            message = f"no complete answer ({type(error).__name__}: {text})"
            raise _Retry(message) from None
        except httpx.HTTPError as error:
            message = (
                f"{self._where(request.url)}: {type(error).__name__}: "
                f"{self._clean(str(error)) or 'no further text'}"
            )
            raise FatalSourceError(message) from None

    def _receive(self, request: httpx.Request) -> _Answer:
        deadline = time.monotonic() + self._answer_seconds
        response = self._http.send(request, stream=True)
        parts: list[bytes] = []
        try:
            for part in response.iter_bytes():
                parts.append(part)
                if time.monotonic() > deadline:
                    message = (
                        f"no complete answer within {self._answer_seconds:.0f} s "
                        f"({sum(map(len, parts))} bytes came)"
                    )
                    raise _Retry(message)
        finally:
            response.close()
        return _Answer(
            response.status_code, response.headers, b"".join(parts), request.url
        )

    def _read(self, response: _Answer, required: str) -> JsonValue:
        """Return the body of a proper answer; raise for everything else."""
        status = response.status
        body = decode_json(response.content)
        if status in HTTP_OK:
            if body is NOT_JSON:
                message = f"status {status} with {describe_body(response.content)} instead of JSON"
                raise _Retry(message)
            if isinstance(body, dict) and (body.get("error") or body == {}):
                self._refuse(response, body or "an empty object")
            if required and not (isinstance(body, dict) and required in body):
                message = f"status {status} without {required!r} in the answer"
                raise _Retry(message)
            return body
        return self._refuse(response, None if body is NOT_JSON else body)

    def _refuse(self, response: _Answer, body: object) -> NoReturn:
        """Raise what the status and the vendor's own words call for."""
        status = response.status
        said = self._clean(message_of(body)) or describe_body(response.content)
        decided = self._classify(status, body) if self._classify else None
        if decided is None:
            decided = class_of(status, body)
        if issubclass(decided, RetryableError):
            message = f"status {status}: {said}"
            raise _Retry(message, self._retry_after(response))
        if (
            issubclass(decided, CredentialsError)
            and status != FORBIDDEN
            and self._renew()
        ):
            raise _Renewed
        where = self._where(response.url)
        if issubclass(decided, CredentialsError):
            scopes = ", ".join(self._clean(scope) for scope in scopes_of(body))
            needed = f" Scope needed: {scopes}." if scopes else ""
            message = (
                f"{where}: access refused (status {status}: {said}).{needed} "
                "Renew the secret or grant the permission, then run again"
            )
            raise decided(message)
        message = f"{where}: refused (status {status}: {said})"
        raise decided(message)

    def _retry_after(self, response: _Answer) -> float | None:
        """Return the wait the server asks for, in seconds; None = it does not say."""
        value = response.headers.get("Retry-After", "").strip()
        if not value:
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        until = _http_date(value)
        # Both dates are the server's, so a wrong clock on either side does not matter.
        since = _http_date(response.headers.get("Date", "")) or (
            self._clock() if self._clock else None
        )
        if until is None or since is None:
            return None
        return max(0.0, (until - since).total_seconds())

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.wait if isinstance(failure, _Retry) else None
        if asked is not None:
            return asked
        ceiling = min(MAX_BACKOFF_SECONDS, 2.0 ** (state.attempt_number - 1))
        return ceiling * (0.5 + self._jitter() / 2)

    def _must_stop(self, state: RetryCallState) -> bool:
        if state.attempt_number >= MAX_TRIES:
            return True
        return self.waited_seconds + state.upcoming_sleep > self._budget

    def _pause(self, seconds: float) -> None:
        self.retry_count += 1
        self.waited_seconds += seconds
        _log.info(
            "request_retried",
            extra={
                "source": self._source,
                "wait_seconds": seconds,
                "retry_count": self.retry_count,
            },
        )
        self._sleep(seconds)

    def _where(self, url: httpx.URL) -> str:
        return f"{self._source}: {url.host}{self._clean(url.path)}"

    def _clean(self, text: str) -> str:
        bare = [value.removeprefix("Bearer ") for value in self._headers.values()]
        for secret in (*self._headers.values(), *bare, *self._authorization.secrets):
            if len(secret) >= _SECRET_LENGTH:
                for form in forms_of(secret):
                    text = text.replace(form, "<secret>")
        return clean_text(text)


def _question(
    method: str,
    target: httpx.URL,
    params: Mapping[str, Any] | None,
    headers: Mapping[str, str] | None,
    body: str | None,
) -> bytes:
    """Return what a request asks, without the secrets it is asked with."""
    asked = [method, target.path, target.query.decode(), params, headers, body]
    return dump_json(asked).encode()


class PageGuard:
    """Refuses a paging cursor seen before, which would otherwise loop for ever."""

    def __init__(self, what: str) -> None:
        """Start with no cursor seen; `what` names source and entity in the error."""
        self._what = what
        self._seen: set[str] = set()

    def check(self, cursor: str) -> None:
        """Remember a cursor about to be followed.

        Raises:
            TruncatedExtract: it was followed before; the list is not complete.
        """
        if cursor in self._seen:
            message = (
                f"{self._what}: the source repeats a page cursor after "
                f"{len(self._seen)} pages, so its list never ends; nothing is landed"
            )
            raise TruncatedExtract(message)
        self._seen.add(cursor)


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
