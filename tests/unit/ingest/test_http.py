"""`ApiClient`: what counts as an answer, what is tried again, what an error may say."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest

from ingest.errors import (
    CredentialsError,
    FatalSourceError,
    IngestError,
    RetryableError,
    TruncatedExtract,
)
from ingest.http import ApiClient, Authorization, PageGuard, dump_json
from ingest.vendor_errors import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "pat-na1-very-secret-token"  # noqa: S105 - planted, must never be seen
GOOD = httpx.Response(200, json={"results": [1]})

Answer = httpx.Response | Exception


class Script:
    """A vendor that gives prepared answers in order and notes what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=answer.content
        )


def client_of(
    script: Callable[[httpx.Request], httpx.Response],
    *,
    slept: list[float] | None = None,
    base_url: str = "https://api.vendor.test/v1",
    authorization: Authorization | None = None,
    **more: object,
) -> ApiClient:
    return ApiClient(
        base_url,
        source="crm_main",
        authorization=authorization
        or Authorization({"Authorization": f"Bearer {TOKEN}"}),
        transport=httpx.MockTransport(script),
        sleep=(slept if slept is not None else []).append,
        jitter=lambda: 1.0,
        **more,
    )


def test_numbers_arrive_exactly() -> None:
    body = b'{"amount": 1234567890123456.78, "rate": 0.1, "id": 90071992547409931}'
    client = client_of(Script(httpx.Response(200, content=body)))
    assert client.get("/deals") == {
        "amount": Decimal("1234567890123456.78"),
        "rate": Decimal("0.1"),
        "id": 90071992547409931,
    }


def test_numbers_are_written_back_exactly() -> None:
    # The tempting change: json.dumps(default=float), which drops the last digits.
    record = {
        "a": Decimal("1234567890123456.78"),
        "b": ["é", None, True, 7],
        "c": Decimal("1.10"),
    }
    text = '{"a":1234567890123456.78,"b":["é",null,true,7],"c":1.10}'
    assert dump_json(record) == text


def test_half_a_character_pair_is_kept_as_an_escape() -> None:
    assert dump_json({"a": "x\ud83d"}) == '{"a":"x\\ud83d"}'


def test_paths_lie_below_the_base_and_keep_their_own_query() -> None:
    script = Script(GOOD)
    client_of(script).get("/deals?archived=true", params={"limit": 100})
    assert str(script.requests[0].url) == (
        "https://api.vendor.test/v1/deals?archived=true&limit=100"
    )


def test_retry_after_in_seconds_is_obeyed() -> None:
    slept: list[float] = []
    script = Script(httpx.Response(429, headers={"Retry-After": "7"}), GOOD)
    assert client_of(script, slept=slept).get("/deals") == {"results": [1]}
    assert slept == [7.0]


def test_retry_after_as_a_date_is_measured_on_the_servers_clock() -> None:
    slept: list[float] = []
    headers = {
        "Retry-After": "Sun, 01 Nov 2026 02:00:30 GMT",
        "Date": "Sun, 01 Nov 2026 02:00:00 GMT",
    }
    an_hour_late = datetime(2026, 11, 1, 3, tzinfo=UTC)
    script = Script(httpx.Response(429, headers=headers), GOOD)
    client_of(script, slept=slept, clock=lambda: an_hour_late).get("/deals")
    assert slept == [30.0]


def test_retry_after_as_a_date_without_server_clock_uses_ours() -> None:
    slept: list[float] = []
    headers = {"Retry-After": "Sun, 01 Nov 2026 02:00:30 GMT"}
    clock = datetime(2026, 11, 1, 2, 0, 10, tzinfo=UTC)
    script = Script(httpx.Response(429, headers=headers), GOOD)
    client_of(script, slept=slept, clock=lambda: clock).get("/deals")
    assert slept == [20.0]


def test_five_server_errors_in_a_row_are_survived_with_growing_waits() -> None:
    slept: list[float] = []
    script = Script(*[httpx.Response(503)] * 5, GOOD)
    client = client_of(script, slept=slept)
    assert client.get("/deals") == {"results": [1]}
    assert slept == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert (client.request_count, client.retry_count) == (6, 5)


def test_six_failures_end_the_request() -> None:
    script = Script(httpx.Response(502))
    with pytest.raises(RetryableError, match=r"after 6 tries") as caught:
        client_of(script).get("/deals")
    assert (len(script.requests), caught.value.exit_code) == (6, 69)


def test_waiting_stops_at_the_budget_of_the_extraction() -> None:
    slept: list[float] = []
    script = Script(httpx.Response(429, headers={"Retry-After": "400"}))
    client = client_of(script, slept=slept, retry_budget_seconds=900)
    with pytest.raises(RetryableError, match="budget 900 s"):
        client.get("/deals")
    # 400 + 400 + 400 would pass 900; the next request finds the budget used up too.
    assert slept == [400.0, 400.0]
    with pytest.raises(RetryableError):
        client.get("/deals")
    assert slept == [400.0, 400.0]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            httpx.Response(200, content=b"<html>sign in</html>"), id="html page"
        ),
        pytest.param(httpx.Response(200, content=b""), id="empty body"),
        pytest.param(httpx.Response(200, content=b'{"results": [{"id"'), id="cut json"),
        pytest.param(httpx.Response(200, content=b'{"results": NaN}'), id="not json"),
        pytest.param(httpx.Response(200, content=b"{}"), id="empty object"),
        pytest.param(httpx.Response(200, content=b'{"other": []}'), id="key missing"),
        pytest.param(httpx.ReadTimeout(""), id="read timeout without text"),
        pytest.param(httpx.ConnectError("refused"), id="connection refused"),
        pytest.param(httpx.RemoteProtocolError("peer closed"), id="cut connection"),
    ],
)
def test_what_is_no_answer_is_retried_and_never_an_empty_page(broken: Answer) -> None:
    script = Script(broken, GOOD)
    answer = client_of(script).get("/deals", required="results")
    assert answer == {"results": [1]}
    with pytest.raises(RetryableError) as caught:
        client_of(Script(broken)).get("/deals", required="results")
    assert str(caught.value).startswith("crm_main: api.vendor.test/v1/deals: ")
    assert caught.value.exit_code == 69


@contextmanager
def raw_server(*answers: bytes) -> Iterator[str]:
    """Answer one connection after another with exactly these bytes, then close it."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()
        thread.join(timeout=5)


WHOLE = b'{"results": [{"id": "1"}, {"id": "2"}]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.mark.parametrize("percent", [25, 50, 99])
@pytest.mark.parametrize("with_length", [True, False])
def test_a_cut_body_is_read_again(percent: int, *, with_length: bool) -> None:
    length = b"Content-Length: %d\r\n" % len(WHOLE) if with_length else b""
    cut = WHOLE[: len(WHOLE) * percent // 100]
    with raw_server(HEAD + length + b"\r\n" + cut, HEAD + b"\r\n" + WHOLE) as url:
        client = ApiClient(url, source="crm_main", sleep=lambda _: None)
        assert client.get("/deals") == {"results": [{"id": "1"}, {"id": "2"}]}
        assert client.retry_count == 1


def test_a_body_that_drips_without_end_is_given_up() -> None:
    """C4: a line that is never silent for long keeps a read timeout from ever striking."""

    def drip(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=iter([b"[1", b",2", b",3]"]))

    assert client_of(drip).get("/deals") == [1, 2, 3]
    with pytest.raises(
        RetryableError, match=r"no complete answer within 0 s \(2 bytes"
    ):
        client_of(drip, answer_seconds=0.0).get("/deals")


def test_secrets_are_kept_out_in_any_form() -> None:
    """J7: a vendor quotes the token as it was sent, URL-encoded and in base64."""
    token = "pl/anted+tok=en"  # noqa: S105 - planted, must never be seen
    forms = [token, quote(token, safe=""), b64encode(token.encode()).decode()]
    body = {"message": f"no rights with {' '.join(forms)}"}
    authorization = Authorization({"Authorization": "Bearer x"}, secrets=(token,))
    script = Script(httpx.Response(400, json=body))
    with pytest.raises(FatalSourceError, match="no rights with <secret>") as caught:
        client_of(script, authorization=authorization).get("/deals")
    assert not [form for form in forms if form in str(caught.value)]


def test_a_refused_token_ends_with_the_credentials_code() -> None:
    body = {"message": f"token {TOKEN} of an.nguyen@acme.vn expired"}
    script = Script(httpx.Response(401, json=body))
    with pytest.raises(CredentialsError) as caught:
        client_of(script).get("/deals", params={"email": "an.nguyen@acme.vn"})
    text = str(caught.value)
    assert (caught.value.exit_code, len(script.requests)) == (77, 1)
    assert "secret" in text
    assert TOKEN not in text
    assert "an.nguyen" not in text
    assert "?" not in text


def test_a_missing_scope_is_named() -> None:
    body = {
        "message": "This app hasn't been granted all required scopes",
        "category": "MISSING_SCOPES",
        "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
    }
    with pytest.raises(
        CredentialsError, match=r"Scope needed: crm\.objects\.deals\.read"
    ):
        client_of(Script(httpx.Response(403, json=body))).get("/deals")


def test_an_expired_token_is_renewed_once() -> None:
    renewals: list[str] = []

    def renew() -> dict[str, str]:
        renewals.append("x")
        return {"Authorization": "Bearer second"}

    authorization = Authorization({"Authorization": "Bearer first"}, renew=renew)
    script = Script(httpx.Response(401), GOOD, httpx.Response(401))
    client = client_of(script, authorization=authorization)
    assert client.get("/deals") == {"results": [1]}
    sent = [request.headers["Authorization"] for request in script.requests]
    assert sent == ["Bearer first", "Bearer second"]
    with pytest.raises(CredentialsError):
        client.get("/deals")
    assert renewals == ["x"]


def test_a_token_is_fetched_first_when_there_is_none() -> None:
    authorization = Authorization(
        {"developer-token": "dev"}, renew=lambda: {"Authorization": "Bearer fresh"}
    )
    script = Script(GOOD)
    client_of(script, authorization=authorization).get("/deals")
    assert script.requests[0].headers["Authorization"] == "Bearer fresh"
    assert script.requests[0].headers["developer-token"] == "dev"


def test_other_refusals_carry_the_vendors_message() -> None:
    body = {
        "error": {"message": "Received unknown parameter: foo", "code": "bad_param"}
    }
    script = Script(httpx.Response(400, json=body))
    with pytest.raises(FatalSourceError, match="unknown parameter: foo") as caught:
        client_of(script).get("/deals")
    assert (caught.value.exit_code, len(script.requests)) == (69, 1)


def test_an_error_inside_200_is_an_error() -> None:
    body = {"error": {"message": "Unsupported get request"}}
    with pytest.raises(FatalSourceError, match="Unsupported get request"):
        client_of(Script(httpx.Response(200, json=body))).get("/deals")


def test_the_vendor_may_classify_its_own_errors() -> None:
    def classify(status: int, body: object) -> type[IngestError] | None:
        assert (status, body) == (400, {"error": {"code": 17, "message": "slow down"}})
        return RetryableError

    limited = httpx.Response(400, json={"error": {"code": 17, "message": "slow down"}})
    client = client_of(Script(limited, GOOD), classify_error=classify)
    assert client.get("/deals") == {"results": [1]}


def test_a_redirect_is_not_followed() -> None:
    moved = httpx.Response(302, headers={"Location": "https://evil.test/"})
    script = Script(moved)
    with pytest.raises(FatalSourceError, match="status 302"):
        client_of(script).get("/deals")
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v1/deals?after=2",
        "http://api.vendor.test/v1/deals",
        "https://api.vendor.test:8443/v1/deals",
        "//evil.test/deals",
        "https://api.vendor.test@evil.test/deals",
    ],
)
def test_a_next_link_to_another_host_gets_no_token(link: str) -> None:
    script = Script(GOOD)
    with pytest.raises(FatalSourceError, match="another host"):
        client_of(script).get(link)
    assert script.requests == []


def test_a_next_link_to_the_same_host_is_followed() -> None:
    script = Script(GOOD)
    client_of(script).get("https://api.vendor.test/v1/deals?after=2")
    assert str(script.requests[0].url) == "https://api.vendor.test/v1/deals?after=2"


def test_posts_carry_exact_json() -> None:
    script = Script(GOOD)
    client_of(script).post("/search", json={"min": Decimal("0.10")})
    assert script.requests[0].content == b'{"min":0.10}'
    assert script.requests[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("see https://x.test/a?access_token=abc now", "see https://x.test/a now"),
        ("key sk_live_abc123 is wrong", "key <secret> is wrong"),
        ("access_token=EAAB123 bad", "access_token=<secret> bad"),
        ("call +84 912 345 678 back", "call <number> back"),
        ("mail nguyễn.an@acme.vn", "mail <e-mail>"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_texts_for_logs_hold_nothing_secret_or_personal(said: str, kept: str) -> None:
    assert clean_text(said) == kept


def test_a_repeated_page_cursor_is_refused() -> None:
    guard = PageGuard("crm_main/deals")
    for cursor in ("a", "b"):
        guard.check(cursor)
    with pytest.raises(TruncatedExtract, match=r"crm_main/deals.*repeats"):
        guard.check("a")
