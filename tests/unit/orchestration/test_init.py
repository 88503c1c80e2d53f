"""`warehouse init`: what it writes is valid, minimal and never over something else."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ingest.config import FilesSource, VendorSource, load_config
from ingest.errors import ConfigError
from orchestration.cli import app
from orchestration.header_proposals import Proposal, propose_datasets
from orchestration.initial_config import NEEDS

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

DEALS = """\
Deal ID,Deal stage,Deal status,Sales rep,Account,Close value,Created date,Close date,Notes
D-1,Proposal,OPEN,Lan,A-1,"1.200.000,50",01/09/2026,,x
D-2,Closed,Won,Lan,A-1,"250.000,00",02/09/2026,28/09/2026,y
D-3,Closed,Lost,Minh,A-2,"75.000,00",15/09/2026,30/09/2026,z
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drop").mkdir()
    return tmp_path


def drop(here: Path, name: str, text: str) -> None:
    (here / "drop" / name).write_text(text, encoding="utf-8")


def init(*arguments: str, typed: str | None = None) -> Result:
    ask = "--no-ask" if typed is None else "--ask"
    return CliRunner().invoke(app, ["init", ask, *arguments], input=typed)


def refusal(*arguments: str) -> str:
    done = init(*arguments)
    assert isinstance(done.exception, ConfigError), done.output
    return str(done.exception)


def only(proposals: list[Proposal]) -> Proposal:
    [proposal] = proposals
    return proposal


@pytest.mark.parametrize("kind", sorted(NEEDS))
def test_every_vendor_kind_needs_only_its_secrets_set(here: Path, kind: str) -> None:
    needs = NEEDS[kind]
    account = ["--account", "123-456"] if needs.is_list else []
    done = init("--kind", kind, "--company", "Công ty Ánh Dương", *account)
    assert done.exit_code == 0, done.output
    for variable in needs.secrets.values():
        assert variable in done.output
    environ = dict.fromkeys(needs.secrets.values(), "secret")
    config = load_config(here / "warehouse.yml", environ=environ)
    [source] = config.sources
    assert isinstance(source, VendorSource)
    assert (source.kind, source.name) == (kind, needs.name)
    assert source.legal_entity == "cong_ty_anh_duong"
    assert config.company.name == "Công ty Ánh Dương"
    with pytest.raises(ConfigError, match="is not set"):
        load_config(here / "warehouse.yml", environ={})


def test_answers_given_beforehand_are_written(here: Path) -> None:
    done = init(
        *("--kind", "hubspot", "--name", "crm_eu", "--company", "Acme"),
        *("--timezone", "Europe/Berlin", "--currency", "EUR", "--present", "USD"),
        *("--legal-entity", "acme_gmbh", "--account", "4711"),
        *("--secret-env", "token_env=CRM_TOKEN", "--out", "conf/eu.yml"),
    )
    assert "--config conf/eu.yml" in done.output
    config = load_config(here / "conf" / "eu.yml", environ={"CRM_TOKEN": "x"})
    [source] = config.sources
    assert config.company.timezone == "Europe/Berlin"
    assert config.company.presentation_currencies == ("EUR", "USD")
    assert isinstance(source, VendorSource)
    assert (source.name, source.account, source.legal_entity) == (
        "crm_eu",
        "4711",
        "acme_gmbh",
    )


def test_it_asks_for_the_rest_with_defaults_to_take(here: Path) -> None:
    typed = "stripe\nAcme\n\n\n\n\n\nMY_KEY\nacct_1" + "\n"
    done = init(typed=typed)
    assert done.exit_code == 0, done.output
    config = load_config(here / "warehouse.yml", environ={"MY_KEY": "x"})
    [source] = config.sources
    assert isinstance(source, VendorSource)
    assert (source.kind, source.name, source.account) == (
        "stripe",
        "stripe_main",
        "acct_1",
    )
    assert config.company.timezone == "Asia/Ho_Chi_Minh"


def test_an_existing_file_is_never_touched(here: Path) -> None:
    (here / "warehouse.yml").write_text("mine\n", encoding="utf-8")
    assert "stays as it is" in refusal("--kind", "hubspot")
    assert (here / "warehouse.yml").read_text("utf-8") == "mine\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "hubspt"], "did you mean 'hubspot'?"),
        (["--kind", "google_ads"], "--account ID"),
        (["--kind", "stripe", "--timezone", "Asia/Hanoi"], "unknown timezone"),
        (["--kind", "stripe", "--currency", "vnd"], "did you mean 'VND'?"),
        (["--kind", "stripe", "--secret-env", "token_env=X"], "stripe takes key_env="),
        (["--kind", "files", "--path", "nowhere"], "is no folder"),
        (["--kind", "files", "--path", "drop"], "it is empty"),
    ],
)
def test_a_wrong_answer_is_named_and_nothing_is_written(
    here: Path, arguments: list[str], said: str
) -> None:
    assert said in refusal(*arguments)
    assert sorted(path.name for path in here.iterdir()) == ["drop"]


@pytest.mark.parametrize("given", ["key_env=sk_live_51Habc", "sk_live_51Habc"])
def test_a_secret_in_the_place_of_a_name_is_refused_and_not_repeated(
    here: Path, given: str
) -> None:
    said = refusal("--kind", "stripe", "--secret-env", given)
    assert "variable" in said
    assert "51Habc" not in said
    assert not (here / "warehouse.yml").exists()


def test_files_are_mapped_by_their_headers_and_formats(here: Path) -> None:
    drop(here, "deals.csv", DEALS)
    done = init("--kind", "files", "--path", "drop", "--company", "Acme")
    assert "deals.csv → opportunities" in done.output
    [source] = load_config(here / "warehouse.yml", environ={}).sources
    assert isinstance(source, FilesSource)
    [dataset] = source.datasets
    assert dataset.entity == "opportunities"
    assert dataset.columns == {
        "opportunity_id": ("Deal ID",),
        "created_at": ("Created date",),
        "stage": ("Deal stage",),
        "status": ("Deal status",),
        "account_id": ("Account",),
        "owner_id": ("Sales rep",),
        "amount": ("Close value",),
        "closed_at": ("Close date",),
    }
    assert dataset.constants == {"currency": "VND"}
    assert dataset.values == {"status": {"OPEN": "open", "Won": "won", "Lost": "lost"}}
    assert dataset.number_format == "1.234,56"
    assert dataset.date_formats == ("%d/%m/%Y",)
    assert "# not mapped: Notes" in (here / "warehouse.yml").read_text("utf-8")
    done = CliRunner().invoke(app, ["doctor", "--root", str(here / "root")])
    assert done.exit_code == 0
    assert "entities fed: opportunities" in done.output


def test_two_readings_of_the_values_are_a_question_not_a_guess(here: Path) -> None:
    drop(here, "deals.csv", DEALS.replace("15/09", "05/09").replace("28/09", "08/09"))
    text = (here / "drop" / "deals.csv").read_text("utf-8").replace("30/09", "10/09")
    drop(here, "deals.csv", text)
    done = init("--kind", "files", "--path", "drop")
    assert (
        "deals.csv: 01/09/2026 is 2026-09-01 or 2026-01-09? date_formats: "
        in done.output
    )
    with pytest.raises(ConfigError, match="date_formats is still '\\?'"):
        load_config(here / "warehouse.yml", environ={})


def test_words_it_cannot_place_are_asked_about(here: Path) -> None:
    drop(here, "deals.csv", DEALS.replace("OPEN", "Engaging"))
    proposal = only(propose_datasets(here / "drop", zone="UTC", currency="VND")[0])
    assert proposal.values == {"status": {"Won": "won", "Lost": "lost"}}
    assert proposal.questions == ["say which of open, won, lost these mean: Engaging"]


def test_monthly_files_become_one_pattern(here: Path) -> None:
    costs = "Month,Cost type,Amount,Currency\n{}-01,tool,{},USD\n"
    for month in ("2026-08", "2026-09"):
        drop(here, f"costs_{month}.csv", costs.format(month, Decimal("12.50")))
    drop(here, "readme.txt", "nothing to see\n")
    found, others = propose_datasets(here / "drop", zone="UTC", currency="USD")
    proposal = only(found)
    assert others == ["readme.txt"]
    assert (proposal.file, proposal.entity, proposal.mode) == (
        "costs_*.csv",
        "costs",
        "",
    )


def test_it_writes_what_inspect_proposes_and_no_night_runs_on_what_is_open(
    here: Path,
) -> None:
    """Tempting: leave out what is open, so that the file is valid. Cents would be dollars."""
    drop(here, "deals.csv", DEALS.replace("OPEN", "Engaging"))
    drop(here, "refunds.csv", "id,amount,currency,note\nR-1,500,USD,x\n")
    drop(here, "charges.csv", "id,created,amount,currency\nC-1,2026-09-01,500,USD\n")
    drop(here, "other.csv", "only,strangers\n1,2\n")
    done = init("--kind", "files", "--path", "drop")
    assert done.exit_code == 0
    assert "  resemble nothing known: other.csv" in done.output
    assert "refunds.csv: which header is refunded_at (" in done.output
    runner = CliRunner()
    looked = ["files", "inspect", str(here / "drop"), "--to", str(here / "block.yml")]
    assert runner.invoke(app, looked).exit_code == 0
    block = (here / "block.yml").read_text("utf-8")
    text = (here / "warehouse.yml").read_text("utf-8")
    assert "".join(f"    {line}\n" for line in block.splitlines()) in text
    with pytest.raises(ConfigError) as caught:
        load_config(here / "warehouse.yml", environ={})
    open_points = [
        line.split(": ", 1)[1].split(" is still '?'")[0]
        for line in str(caught.value).splitlines()
    ]
    assert sorted(open_points) == [
        "refunded_at",
        "status",
        "status 'Engaging'",
        "the unit of amount",
        "the unit of amount",
    ]


def test_of_a_folder_without_anything_known_nothing_is_written(here: Path) -> None:
    drop(here, "other.csv", "only,strangers\n1,2\n")
    said = refusal("--kind", "files", "--path", "drop")
    assert "(other.csv). Say what one is: warehouse files inspect FILE --as" in said
    assert not (here / "warehouse.yml").exists()


def test_files_in_folders_below_are_proposed_too(here: Path) -> None:
    (here / "drop" / "crm").mkdir()
    drop(here, "crm/deals.csv", DEALS)
    proposal = only(propose_datasets(here / "drop", zone="UTC", currency="VND")[0])
    assert proposal.file == "crm/deals.csv"


def test_names_in_files_cannot_write_configuration(here: Path) -> None:
    header = '"Deal ID\n    path: /etc",Stage: x,"Deal stage","Deal status",Created\n'
    drop(here, "deals.csv", header + 'D-1,a,Proposal,"open\n# b",2026-09-01\n')
    drop(
        here,
        "opportunity.csv",
        "Deal ID,Deal stage,Deal status,Created\n1,a,won,2026-09-01\n",
    )
    done = init("--kind", "files", "--path", "drop", "--company", 'A"\npath: x')
    assert done.exit_code == 0, done.output
    config = load_config(here / "warehouse.yml", environ={})
    [source] = config.sources
    assert isinstance(source, FilesSource)
    assert source.path == here / "drop"
    assert config.company.name == 'A"\npath: x'
