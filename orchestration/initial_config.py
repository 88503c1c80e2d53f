"""The first `warehouse.yml`: a few answers, written down with comments.

Belongs here: what each kind needs, defaults, the text of the file, writing it once. Stays
out: asking (`cli.setup`), resemblance of files (`header_proposals`), a dataset's lines
(`dataset_blocks`). What is written has been read back by the same reader a night uses, so all
that can be wrong in it is a `?`, which a person has to settle.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingest.config import load_config
from ingest.config_sources import VENDORS
from ingest.config_yaml import nearest
from ingest.errors import ConfigError
from orchestration.dataset_blocks import block_lines, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ingest.config import WarehouseConfig
    from orchestration.header_proposals import Proposal

FILES: Final = "files"
KINDS: Final = (*VENDORS, FILES)


@dataclass(frozen=True)
class KindNeeds:
    """What one vendor kind is asked for.

    `secrets`: configuration key -> suggested environment variable. `accounts`: the key that
    takes account ids, '' = none is needed; `is_list` when it takes several.
    """

    name: str
    secrets: Mapping[str, str]
    accounts: str = ""
    is_list: bool = False
    hint: str = ""


NEEDS: Final[Mapping[str, KindNeeds]] = {
    "hubspot": KindNeeds(
        name="hubspot_main",
        secrets={"token_env": "HUBSPOT_TOKEN"},
        accounts="portal_id",
        hint="a private-app token; `warehouse doctor --live` names the scopes it lacks",
    ),
    "stripe": KindNeeds(
        name="stripe_main",
        secrets={"key_env": "STRIPE_KEY"},
        accounts="account",
        hint="a restricted key that may read; `warehouse doctor --live` names what it lacks",
    ),
    "google_ads": KindNeeds(
        name="google_main",
        secrets={
            "developer_token_env": "GOOGLE_ADS_DEVELOPER_TOKEN",
            "client_id_env": "GOOGLE_ADS_CLIENT_ID",
            "client_secret_env": "GOOGLE_ADS_CLIENT_SECRET",
            "refresh_token_env": "GOOGLE_ADS_REFRESH_TOKEN",
        },
        accounts="customer_ids",
        is_list=True,
        hint="an approved developer token and a refresh token of an OAuth client",
    ),
    "meta_ads": KindNeeds(
        name="meta_main",
        secrets={"token_env": "META_ADS_TOKEN"},
        accounts="account_ids",
        is_list=True,
        hint="a system user's token with ads_read",
    ),
}


@dataclass
class Answers:
    """What `init` was told, or took by default.

    `proposals`: what the files of a folder seem to feed; `strangers`: those that resemble
    nothing known.
    """

    kind: str
    name: str
    company: str
    timezone: str
    reporting_currency: str
    presentation_currencies: tuple[str, ...] = ()
    legal_entity: str = ""
    accounts: tuple[str, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)
    path: str = ""
    proposals: list[Proposal] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def slug(text: str) -> str:
    """Return a name fit for a folder: small letters, digits and underscores."""
    flat = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    plain = "".join(c for c in flat if not unicodedata.combining(c)).lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "company"


def check_kind(kind: str) -> str:
    """Return the kind, if there is such a one.

    Raises:
        ConfigError: there is none; the nearest is named.
    """
    if kind not in KINDS:
        message = f"no source kind {kind!r}{nearest(kind, KINDS)}"
        raise ConfigError(message)
    return kind


def write_config(path: Path, answers: Answers) -> WarehouseConfig:
    """Write the file and return it as read back, each `?` open; never over an existing one.

    Raises:
        ConfigError: the file is there already, or an answer is no valid one.
    """
    if path.exists():
        message = (
            f"{path} is there already and stays as it is; choose another with --out"
        )
        raise ConfigError(message)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, because `path:` of a source is relative to the file.
    aside = path.with_name(f".{path.name}.new")
    aside.write_text(render(answers), encoding="utf-8")
    try:
        config = load_config(aside, environ={}, require_secrets=False, may_be_open=True)
        # A link fails where a rename would replace a file written in the meantime.
        path.hardlink_to(aside)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(aside), str(path))) from None
    except FileExistsError:
        message = (
            f"{path} is there already and stays as it is; choose another with --out"
        )
        raise ConfigError(message) from None
    finally:
        aside.unlink(missing_ok=True)
    return config


def render(answers: Answers) -> str:
    """Return the text of the file."""
    return "\n".join([*_company_lines(answers), "", *_source_lines(answers)]) + "\n"


def _company_lines(answers: Answers) -> Iterator[str]:
    shown = answers.presentation_currencies or (answers.reporting_currency,)
    yield "# Written by `warehouse init`. What more can be said here: README.md."
    yield "company:"
    yield f"  name: {quote(answers.company)}"
    yield f"  reporting_currency: {answers.reporting_currency}"
    yield "  # Every money KPI is published in each of these, beside its original currency."
    yield f"  presentation_currencies: [{', '.join(shown)}]"
    yield "  # Business days, weeks and months are cut in this zone."
    yield f"  timezone: {answers.timezone}"
    yield "  fiscal_year_start_month: 1"


def _source_lines(answers: Answers) -> Iterator[str]:
    yield "sources:"
    yield f"  - name: {answers.name}"
    yield f"    kind: {answers.kind}"
    yield f"    legal_entity: {quote(answers.legal_entity or slug(answers.company))}"
    yield f"    functional_currency: {answers.reporting_currency}"
    if answers.kind == FILES:
        yield from _files_lines(answers)
        return
    needs = NEEDS[answers.kind]
    yield "    # Names of environment variables; the secrets themselves never stand here."
    for key, variable in needs.secrets.items():
        yield f"    {key}: {answers.secrets.get(key, variable)}"
    if answers.accounts and needs.accounts:
        listed = [quote(account) for account in answers.accounts]
        value = f"[{', '.join(listed)}]" if needs.is_list else listed[0]
        yield f"    {needs.accounts}: {value}"
    yield "    # With `optional: true` a night goes on when this source does not answer."
    yield "    optional: false"


def _files_lines(answers: Answers) -> Iterator[str]:
    yield "    # Relative to this file. Drop new files here; each is loaded once."
    yield f"    path: {quote(answers.path)}"
    yield f"    timezone: {answers.timezone}"
    yield "    # Settle each ?: no night runs on one. Formats are declared, never guessed at night."
    yield from (f"    {line}" for line in block_lines(answers.proposals))
