"""`warehouse.yml`: what loads, what is refused, and how the refusal reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.config import FilesSource, VendorSource, load_config
from ingest.errors import EXIT_CONFIG, ConfigError, CredentialsError

if TYPE_CHECKING:
    from pathlib import Path

COMPANY = """\
company:
  name: Acme
  reporting_currency: VND
  timezone: Asia/Ho_Chi_Minh
"""
STRIPE = "  - {name: stripe_vn, kind: stripe, key_env: STRIPE_KEY}\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "warehouse.yml"
    path.write_text(text, encoding="utf-8")
    return path


def load(tmp_path: Path, text: str, **more: object):  # noqa: ANN201 - what load_config returns
    environ = {"STRIPE_KEY": "sk_planted"}
    return load_config(write(tmp_path, text), **{"environ": environ, **more})


def refused(tmp_path: Path, text: str, **more: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **more)
    assert caught.value.exit_code == EXIT_CONFIG
    path = tmp_path / "warehouse.yml"
    return [line.removeprefix(str(path)) for line in str(caught.value).splitlines()]


def drop(dataset: str) -> str:
    return COMPANY + (
        "sources:\n"
        "  - name: drop\n"
        "    kind: files\n"
        "    path: ./drop\n"
        "    datasets:\n" + dataset
    )


def test_one_source_says_in_what_currency_an_entity_keeps_its_books(
    tmp_path: Path,
) -> None:
    stated = STRIPE.replace("key_env", "functional_currency: USD, key_env")
    other = STRIPE.replace("stripe_vn", "stripe_more")
    config = load(tmp_path, COMPANY + "sources:\n" + other + stated)
    assert [source.functional_currency for source in config.sources] == ["USD", "USD"]


def test_defaults_come_from_the_company_and_the_kind(tmp_path: Path) -> None:
    config = load(tmp_path, COMPANY + "sources:\n" + STRIPE)

    (stripe,) = config.sources
    assert isinstance(stripe, VendorSource)
    assert stripe.legal_entity == "Acme"
    assert stripe.functional_currency == "VND"
    assert stripe.timezone == "Asia/Ho_Chi_Minh"
    assert stripe.base_url == "https://api.stripe.com"
    assert config.company.presentation_currencies == ("VND",)
    assert config.policies["fx_stock_rate_type"] == "closing"
    assert config.publish.keep == 7
    assert not config.uses_sandbox


def test_configured_entities_are_those_of_vendors_and_datasets(tmp_path: Path) -> None:
    text = drop(
        "      users:\n        files: org.csv\n"
        "      campaigns:\n"
        "        - {files: a.csv}\n        - {files: b.csv}\n"
    )
    text += "  - {name: meta, kind: meta_ads, base_url: 'sandbox:/meta'}\n"
    config = load(tmp_path, text)

    assert config.configured_entities() == [
        "ad_performance_daily",
        "campaigns",
        "users",
    ]
    files = config.source("drop")
    assert isinstance(files, FilesSource)
    streams = [files.stream_of(dataset) for dataset in files.datasets]
    assert streams == ["drop.users", "drop.campaigns__1", "drop.campaigns__2"]
    assert files.path == tmp_path / "drop"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            COMPANY.replace("timezone", "timezne") + "sources:\n" + STRIPE,
            ":4: unknown key 'timezne'; did you mean 'timezone'?",
        ),
        (
            COMPANY.replace("Ho_Chi_Minh", "Ho_Chi_Min") + "sources:\n" + STRIPE,
            (
                ":4: timezone: unknown timezone 'Asia/Ho_Chi_Min'; "
                "did you mean 'Asia/Ho_Chi_Minh'?"
            ),
        ),
        (
            COMPANY.replace("VND", "vnd") + "sources:\n" + STRIPE,
            ":3: reporting_currency: unknown currency 'vnd'; did you mean 'VND'?",
        ),
        (
            COMPANY + "policies: {mrr_discount: gross}\nsources:\n" + STRIPE,
            ":5: unknown policy 'mrr_discount'; did you mean 'mrr_discounts'?",
        ),
        (
            COMPANY
            + "policies: {win_rate_excluded_reasons: [price, duplicates]}\nsources:\n"
            + STRIPE,
            (
                ":5: policy win_rate_excluded_reasons cannot hold 'duplicates'; "
                "did you mean 'duplicate'?"
            ),
        ),
        (
            COMPANY + "sources:\n  - {name: x, kind: strype}\n",
            ":6: unknown source kind 'strype'; did you mean 'stripe'?",
        ),
        (
            COMPANY + "sources:\n  - {name: x, kind: stripe}\n",
            (
                ":6: source x needs key_env: the name of the environment variable that holds "
                "the secret"
            ),
        ),
        (
            COMPANY + "sources:\n" + STRIPE.replace("STRIPE_KEY", "NO_KEY"),
            ":6: source stripe_vn: environment variable NO_KEY is not set",
        ),
        (
            COMPANY + "sources:\n" + STRIPE.replace("STRIPE_KEY", "sk_live_51Habc"),
            ":6: key_env: must name an environment variable (capital letters, digits and _)",
        ),
        (
            COMPANY + "sources:\n" + STRIPE + STRIPE,
            ":7: source name 'stripe_vn' is used twice",
        ),
        (
            COMPANY
            + "sources:\n"
            + STRIPE.replace("key_env", "functional_currency: VND, key_env")
            + STRIPE.replace("stripe_vn", "ads").replace(
                "key_env", "functional_currency: USD, key_env"
            ),
            (
                ":7: legal entity 'Acme' keeps its books in VND (source 'stripe_vn'), not in "
                "USD: one functional currency per legal entity"
            ),
        ),
        (
            COMPANY + "sources:\n" + STRIPE.replace("key_env", "name: again, key_env"),
            ":6: key 'name' is said twice",
        ),
        (
            drop("      user:\n        files: org.csv\n"),
            ":10: unknown entity 'user'; did you mean 'users'?",
        ),
        (
            drop("      users:\n        file: org.csv\n"),
            ":11: unknown key 'file'; did you mean 'files'?",
        ),
        (
            drop("      users:\n        files: ../org.csv\n"),
            ":11: files.0: file pattern '../org.csv' must stay inside the source's path",
        ),
        (
            drop("      users: {files: org.csv, constants: {teem: Sales}}\n"),
            ":10: users has no column 'teem'; did you mean 'team'?",
        ),
        (
            drop("      users: {files: org.csv, units: {email: minor}}\n"),
            ":10: email is not a number, so it has no unit",
        ),
        (
            drop(
                "      opportunities: {files: d.csv, values: {status: {Won: wonn}}}\n"
            ),
            ":10: status cannot be 'wonn'; did you mean 'won'?",
        ),
        (
            drop("      users: {files: org.csv, number_format: '1.234'}\n"),
            ":10: number_format: Input should be ",
        ),
        (
            drop("      users: {files: org.csv, date_formats: '%d/%m'}\n"),
            ":10: date_formats.0: date format '%d/%m' must be iso, excel, excel-1904 or name",
        ),
        (
            drop("      users: {files: org.csv, history_of: stripe}\n"),
            ":10: history_of names no vendor source 'stripe'",
        ),
        (
            drop("      products: {files: p.csv, mode: replace_period}\n"),
            ":10: products has no date, so a period of it cannot be replaced",
        ),
    ],
)
def test_every_mistake_names_line_and_nearest_word(
    tmp_path: Path, text: str, expected: str
) -> None:
    problems = refused(tmp_path, text)

    assert len(problems) == 1, problems
    assert problems[0].startswith(expected)


def test_all_mistakes_are_reported_at_once_in_file_order(tmp_path: Path) -> None:
    text = drop("      users:\n        files: org.csv\n        mode: upsertt\n")
    problems = refused(
        tmp_path, text.replace("name: Acme", "nam: Acme") + "publsh: {}\n"
    )

    assert [line.split(":")[1] for line in problems] == ["2", "12", "13"]


def test_required_columns_must_be_given_some_way(tmp_path: Path) -> None:
    text = drop(
        "      opportunities:\n"
        "        files: d.csv\n"
        "        columns: {opportunity_id: ID, created_at: Created}\n"
        "        constants: {status: open}\n"
    )

    assert refused(tmp_path, text) == [
        (
            ":12: opportunities.stage is required: map it in columns, or give it in constants "
            "or lookup"
        )
    ]


def test_a_column_given_twice_is_refused(tmp_path: Path) -> None:
    text = drop(
        "      products:\n"
        "        files: p.csv\n"
        "        columns: {product_id: ID, product_name: Name, currency: Cur}\n"
        "        constants: {currency: USD}\n"
    )

    assert refused(tmp_path, text) == [
        ":13: currency is given twice, by columns and by constants"
    ]


def test_words_are_never_turned_into_something_else(tmp_path: Path) -> None:
    """`NO` is Norway, `0012` an id: YAML's own typing would read false and 10."""
    text = drop(
        "      accounts: {files: a.csv, constants: {country: NO, account_id: 0012,"
        " account_name: 2026-01-31}}\n"
    )
    files = load(tmp_path, text).source("drop")

    assert isinstance(files, FilesSource)
    assert files.datasets[0].constants == {
        "country": "NO",
        "account_id": "0012",
        "account_name": "2026-01-31",
    }


def test_sandbox_addresses_are_resolved_and_need_no_secret(tmp_path: Path) -> None:
    text = COMPANY + (
        "sources:\n"
        "  - {name: stripe_vn, kind: stripe, base_url: 'sandbox:/stripe_vn'}\n"
        "  - {name: drop, kind: files, path: 'sandbox:drop',"
        " datasets: {users: {files: users.csv}}}\n"
    )
    unresolved = load(tmp_path, text, environ={})
    config = load(
        tmp_path,
        text,
        environ={},
        sandbox_url="http://127.0.0.1:4711/",
        sandbox_root=tmp_path / "sandbox",
    )
    stripe, files = config.sources

    assert unresolved.uses_sandbox
    assert stripe.base_url == "http://127.0.0.1:4711/stripe_vn"
    assert stripe.key.get_secret_value() == "sandbox"
    assert files.path == tmp_path / "sandbox" / "drop"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "https://user:pw@host",
        "ftp://host",
        "sandbox:stripe",
        "https://host?a=b",
    ],
)
def test_a_token_is_never_sent_to_an_unsafe_address(tmp_path: Path, url: str) -> None:
    text = COMPANY + (
        f"sources:\n  - {{name: s, kind: stripe, key_env: STRIPE_KEY, base_url: '{url}'}}\n"
    )

    assert len(refused(tmp_path, text)) == 1


def test_secrets_are_read_late_and_never_shown(tmp_path: Path) -> None:
    environ = {"STRIPE_KEY": " sk_planted\n"}
    config = load(tmp_path, COMPANY + "sources:\n" + STRIPE, environ=environ)
    (stripe,) = config.sources

    assert stripe.key.get_secret_value() == "sk_planted"
    assert "sk_planted" not in repr(config) + str(stripe.model_dump()) + repr(
        stripe.key
    )
    environ.clear()
    with pytest.raises(CredentialsError, match="STRIPE_KEY is not set"):
        _ = stripe.key


def test_reading_only_needs_no_secrets(tmp_path: Path) -> None:
    text = COMPANY + "sources:\n" + STRIPE

    config = load(tmp_path, text, environ={}, require_secrets=False)

    assert [source.name for source in config.sources] == ["stripe_vn"]


def test_missing_file_and_broken_yaml_name_the_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: no such configuration file"):
        load_config(tmp_path / "none.yml")
    assert refused(tmp_path, "company: {name: [}\n")[0].startswith(":1: not valid YAML")
    assert refused(tmp_path, "- a\n") == [
        ":1: must be a mapping with company and sources"
    ]


def test_unknown_source_name_offers_the_nearest(tmp_path: Path) -> None:
    config = load(tmp_path, COMPANY + "sources:\n" + STRIPE)

    with pytest.raises(
        ConfigError, match="no source 'stripe_v'; did you mean 'stripe_vn'"
    ):
        config.source("stripe_v")


def test_everything_still_open_is_told_at_once_beside_what_is_wrong(
    tmp_path: Path,
) -> None:
    text = (
        COMPANY
        + """\
sources:
  - name: drop
    kind: files
    path: drop
    number_format: "?"
    datasets:
      opportunities:
        files: deals.csv
        encoding: "?"
        delimiter: "?"
        date_formats: ["?"]
        mode: sometimes
        columns: {opportunity_id: id, created_at: "?", stage: [step, "?"], status: st}
        constants: {currency: "?"}
        units: {amount: "?"}
        values: {status: {Engaging: "?", "?": open}}
        nulls: {amount: ["?"]}
      users:
        - files: people.csv
          columns: {user_id: id, user_name: name, valid_from: "?", nmae: x}
          units: {fte: "?"}
          sheet: "?"
"""
    )
    found = refused(tmp_path, text)
    still = [
        line.split(" is still")[0] for line in found if line.endswith("doctor` again")
    ]
    assert sorted(still) == sorted(
        [
            ":9: number_format",
            ":13: encoding",
            ":14: delimiter",
            ":15: date_formats",
            ":17: created_at",
            ":17: stage",
            ":18: currency",
            ":19: the unit of amount",
            ":20: status 'Engaging'",
            ":24: valid_from",
            ":25: the unit of fte",
            ":26: sheet",
        ]
    )
    others = [line for line in found if line.split(" is still")[0] not in still]
    assert [line.partition(";")[0] for line in others] == [
        ":16: mode: Input should be 'replace', 'replace_period', 'upsert' or 'append'",
        ":24: users has no column 'nmae'",
    ]


@pytest.mark.parametrize(
    "encoding", ["rot13", "hex", "unicode_escape", "punycode", "utf8x"]
)
def test_what_is_no_encoding_of_files_is_refused(tmp_path: Path, encoding: str) -> None:
    source = f"name: drop, kind: files, path: d, encoding: {encoding}"
    text = f"{COMPANY}sources:\n  - {{{source}, datasets: {{users: {{files: u}}}}}}\n"
    [line] = refused(tmp_path, text)
    assert line.startswith(f":6: encoding: unknown encoding {encoding!r}")
