"""`warehouse init`: from a few answers to a first `warehouse.yml`.

Belongs here: asking and the options that answer beforehand. Stays out: the text of the file
(`orchestration.initial_config`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.errors import ConfigError
from orchestration.initial_config import (
    FILES,
    KINDS,
    NEEDS,
    Answers,
    check_kind,
    slug,
    write_config,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_ZONE = "Asia/Ho_Chi_Minh"
_DEFAULT_CURRENCY = "VND"
_STRANGERS_SHOWN = 8


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command(
        epilog="Examples: warehouse init · warehouse init --kind hubspot --company Acme "
        "--timezone Asia/Ho_Chi_Minh --currency VND --no-ask · "
        "warehouse init --kind files --path ./drop --company Acme --no-ask"
    )(init)


def init(
    *,
    kind: Annotated[
        str | None, typer.Option("--kind", help=f"One of {', '.join(KINDS)}.")
    ] = None,
    company: Annotated[
        str | None, typer.Option("--company", help="Name of the company.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the source, for folders.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Zone of its business days.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Reporting currency.")
    ] = None,
    present: Annotated[
        list[str] | None, typer.Option("--present", help="Further currencies to show.")
    ] = None,
    legal_entity: Annotated[
        str | None, typer.Option("--legal-entity", help="Whose books these are.")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Account id at the vendor.")
    ] = None,
    secret_env: Annotated[
        list[str] | None,
        typer.Option("--secret-env", help="KEY=VARIABLE, such as token_env=MY_TOKEN."),
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", help="Folder of the files, for kind files.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="File to write.")] = Path(
        "warehouse.yml"
    ),
    ask: Annotated[
        bool | None,
        typer.Option(
            "--ask/--no-ask", help="Ask for what is not given; default: at a tty."
        ),
    ] = None,
) -> None:
    """Write a minimal warehouse.yml; one source is enough. Nothing is overwritten."""
    if out.exists():
        message = (
            f"{out} is there already and stays as it is; choose another with --out"
        )
        raise ConfigError(message)
    asks = sys.stdin.isatty() if ask is None else ask
    tell = _prompt if asks else _take_default
    chosen = check_kind(tell(kind, f"Kind of source ({', '.join(KINDS)})", "hubspot"))
    known = tell(company, "Company", "My company")
    needs = NEEDS.get(chosen)
    answers = Answers(
        kind=chosen,
        name=tell(name, "Name of the source", needs.name if needs else "drop"),
        company=known,
        timezone=tell(timezone, "Time zone", _DEFAULT_ZONE),
        reporting_currency=tell(currency, "Reporting currency", _DEFAULT_CURRENCY),
        legal_entity=tell(legal_entity, "Legal entity", slug(known)),
    )
    more = present or tell(None, "Show money also in (comma between)", "").split(",")
    shown = (answers.reporting_currency, *(c.strip() for c in more if c.strip()))
    answers.presentation_currencies = tuple(dict.fromkeys(shown))
    if needs is None:
        _answer_files(answers, tell(path, "Folder of the files", "./drop"), out)
    else:
        given = _pairs(secret_env or [], tuple(needs.secrets), chosen)
        answers.secrets = {
            key: tell(given.get(key), f"Environment variable of {key}", suggested)
            for key, suggested in needs.secrets.items()
        }
        ids = account or tell(None, f"{needs.accounts} (comma between)", "").split(",")
        answers.accounts = tuple(one.strip() for one in ids if one.strip())
        if needs.is_list and not answers.accounts:
            message = f"{chosen} needs at least one of {needs.accounts}: --account ID"
            raise ConfigError(message)
    write_config(out, answers)
    sys.stdout.write("\n".join(_closing_lines(answers, out)) + "\n")


def _prompt(given: str | None, question: str, default: str) -> str:
    if given is not None:
        return given
    return str(typer.prompt(question, default=default, show_default=bool(default)))


def _take_default(given: str | None, _question: str, default: str) -> str:
    return default if given is None else given


def _pairs(given: list[str], keys: tuple[str, ...], kind: str) -> dict[str, str]:
    """Return KEY=VARIABLE as a mapping.

    Raises:
        ConfigError: not of that form, or the kind has no such key.
    """
    pairs: dict[str, str] = {}
    for text in given:
        key, sign, variable = text.partition("=")
        if not sign or not variable or key not in keys:
            # Not quoted: whoever mistakes the form may have typed the secret itself.
            message = (
                f"--secret-env names variables, such as {keys[0]}=MY_VARIABLE; {kind} takes "
                f"{'=…, '.join(keys)}=…"
            )
            raise ConfigError(message)
        pairs[key] = variable
    return pairs


def _answer_files(answers: Answers, path: str, out: Path) -> None:
    """Look at the folder and note what its files seem to feed.

    Raises:
        ConfigError: it is no folder, or no file in it resembles an entity.
    """
    folder = out.parent / Path(path).expanduser()
    if not folder.is_dir():
        message = f"{folder} is no folder; create it and drop the files there first"
        raise ConfigError(message)
    # The readers of files load pandas and openpyxl, which no other verb should wait for.
    from orchestration.header_proposals import propose_datasets  # noqa: PLC0415 - only this verb pays

    answers.path = path
    answers.proposals, answers.strangers = propose_datasets(
        folder, zone=answers.timezone, currency=answers.reporting_currency
    )
    if answers.proposals:
        return
    message = (
        f"no file in {folder} resembles what the warehouse knows "
        f"({', '.join(answers.strangers) or 'it is empty'}). Say what one is: "
        "warehouse files inspect FILE --as opportunities; warehouse files template lists all"
    )
    raise ConfigError(message)


def _closing_lines(answers: Answers, out: Path) -> list[str]:
    lines = [f"{out} is written: {answers.company}, {answers.kind} as {answers.name}."]
    where = "" if out == Path("warehouse.yml") else f" --config {out}"
    if answers.kind == FILES:
        return [*lines, *_files_closing(answers, out, where)]
    needs = NEEDS[answers.kind]
    names = ", ".join(answers.secrets.values())
    lines.append(f"Set in the environment: {names} ({needs.hint}).")
    lines.append(f"Next: warehouse doctor --live{where}, then warehouse nightly{where}")
    return lines


def _files_closing(answers: Answers, out: Path, where: str) -> Iterator[str]:
    """Yield what each file goes to, what is open in what was written, and what is next."""
    from orchestration.dataset_blocks import (  # noqa: PLC0415 - only this verb pays
        first_of_each,
        open_points,
    )

    found = answers.proposals
    for one in found:
        members = [other for other in found if other.entity == one.entity]
        mark = "" if one in first_of_each(members) else ", behind #"
        told = len(set(one.columns.values()))
        yield f"  {one.file} → {one.entity}: {told} of {len(one.headers)} headers{mark}"
    if answers.strangers:
        shown = ", ".join(answers.strangers[:_STRANGERS_SHOWN])
        more = len(answers.strangers) - _STRANGERS_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        yield f"  resemble nothing known: {shown}{rest}"
    points = list(open_points(found))
    if points:
        yield f"To settle before the first night ({len(points)}), marked ? or # in {out}:"
    yield from (f"  {n}. {file}: {text}" for n, (file, text) in enumerate(points, 1))
    settle = ", settle each ?" if points else ""
    yield f"Next: read the mapping in {out}{settle}, then warehouse doctor{where}"
