"""`warehouse.yml` as frozen models: the company, its policies, its sources, what is published.

Belongs here: reading the file, resolving defaults, paths, sandbox addresses and secrets' names,
and the errors that name file, line and nearest valid word. With `orchestration/settings.py`
the only reader of the environment. Stays out: what a source does, what a policy computes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping  # noqa: TC003 - a model field is typed with it
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from ingest.config_datasets import (
    check_dataset,
    find_unsettled,
    without_unsettled,
)
from ingest.config_files import Dataset, FilesSource, default_mode
from ingest.config_model import ConfigModel, Currency, Name, Text, Timezone
from ingest.config_policies import PolicyValue, resolve_policies
from ingest.config_sources import (
    SANDBOX_PREFIX,
    VENDORS,
    GoogleAdsSource,
    HubSpotSource,
    MetaAdsSource,
    SourceConfig,
    StripeSource,
    VendorSource,
    check_base_url,
)
from ingest.config_templates import template_datasets
from ingest.config_yaml import (
    LocatedYaml,
    Location,
    Problem,
    nearest,
    raise_problems,
    read_yaml,
)
from ingest.contracts import CONTRACTS
from ingest.errors import ConfigError

__all__ = [
    "Company",
    "Dataset",
    "FilesSource",
    "GoogleAdsSource",
    "HubSpotSource",
    "MetaAdsSource",
    "Publish",
    "SourceConfig",
    "StripeSource",
    "VendorSource",
    "WarehouseConfig",
    "load_config",
]

_ModelT = TypeVar("_ModelT", bound=BaseModel)
_KINDS: Final[dict[str, type[SourceConfig]]] = {**VENDORS, "files": FilesSource}
_VALUES: Final = "values"
"""Words a source maps in all its datasets; a dataset's own win."""
_SECTIONS: Final = ("company", "policies", "sources", "publish")
_INHERITED: Final = (
    "number_format",
    "number_words",
    "date_formats",
    "encoding",
    "delimiter",
    "timezone",
    "max_quarantine_share",
    "requires_manifest",
    "history_of",
)
"""What a dataset takes from its source unless it says otherwise."""


class Company(ConfigModel):
    """Whose figures these are: name, currencies, zone and calendar."""

    name: Text
    reporting_currency: Currency
    presentation_currencies: tuple[Currency, ...] = ()
    timezone: Timezone
    fiscal_year_start_month: int = Field(default=1, ge=1, le=12)
    calendar: Literal["gregorian", "4-4-5"] = "gregorian"

    @model_validator(mode="after")
    def _present_reporting_currency(self) -> Company:
        """Refuse presentation currencies that leave the reporting currency out."""
        given = self.presentation_currencies
        if len(set(given)) != len(given):
            message = "presentation_currencies names a currency twice"
            raise ValueError(message)
        if given and self.reporting_currency not in given:
            message = (
                f"presentation_currencies must hold reporting_currency "
                f"{self.reporting_currency}"
            )
            raise ValueError(message)
        return self


class Publish(ConfigModel):
    """How many builds are kept, newest first, and who may read which themes or tables.

    The build the current one replaced is kept besides: it may still be read.
    """

    keep: int = Field(default=7, ge=1)
    audiences: dict[Name, tuple[str, ...]] = Field(default_factory=dict)


class WarehouseConfig(ConfigModel):
    """The whole configuration, resolved."""

    path: Path
    company: Company
    policies: dict[str, PolicyValue]
    sources: tuple[SourceConfig, ...]
    publish: Publish
    uses_sandbox: bool = False
    """True when a source points at the sandbox company, which then has to be served."""

    def configured_entities(self) -> list[str]:
        """Return the canonical entities some source delivers, sorted."""
        return sorted(
            {e for source in self.sources for e in source.canonical_entities()}
        )

    def source(self, name: str) -> SourceConfig:
        """Return the source of that name.

        Raises:
            ConfigError: the configuration has no such source.
        """
        for source in self.sources:
            if source.name == name:
                return source
        names = [source.name for source in self.sources]
        message = f"{self.path}: no source {name!r}{nearest(name, names)}"
        raise ConfigError(message)


def load_config(
    path: Path,
    *,
    environ: Mapping[str, str] | None = None,
    sandbox_url: str | None = None,
    sandbox_root: Path | None = None,
    require_secrets: bool = True,
    may_be_open: bool = False,
    root: Path | None = None,
) -> WarehouseConfig:
    """Read, check and resolve `warehouse.yml`.

    Args:
        path: the file.
        environ: where secrets are looked up; None = the process environment. Secrets are
            read when a connector asks for them, here they only have to exist.
        sandbox_url: what `base_url: sandbox:/…` becomes; None leaves it as written, so that
            a caller can see `uses_sandbox` and start one.
        sandbox_root: what `path: sandbox:…` becomes; None leaves it as written.
        require_secrets: False for callers that only read what is published.
        may_be_open: True for who writes a proposal: a `?` in it is not yet a problem. What
            comes back is no configuration to run by.
        root: the warehouse's folder, where a drop of templates looks for what it loaded
            before; None = only what lies in the drop counts.

    Raises:
        ConfigError: every problem found, one line each: file, line, text, nearest word.
    """
    path = Path(path)
    located = read_yaml(path)
    if not isinstance(located.data, dict):
        message = f"{path}:1: must be a mapping with company and sources"
        raise ConfigError(message)
    reader = _Reader(
        located=located,
        environ=os.environ if environ is None else environ,  # noqa: TID251 - read here only
        sandbox_url=sandbox_url,
        sandbox_root=sandbox_root,
        require_secrets=require_secrets,
        may_be_open=may_be_open,
        root=root,
    )
    return reader.read(located.data)


class _Reader:
    """One reading of one file: collects every problem before it raises."""

    def __init__(
        self,
        *,
        located: LocatedYaml,
        environ: Mapping[str, str],
        sandbox_url: str | None,
        sandbox_root: Path | None,
        require_secrets: bool,
        may_be_open: bool,
        root: Path | None,
    ) -> None:
        self.located = located
        self.environ = environ
        self.sandbox_url = sandbox_url
        self.sandbox_root = sandbox_root
        self.require_secrets = require_secrets
        self.may_be_open = may_be_open
        self.root = root
        self.problems: list[Problem] = []
        self.uses_sandbox = False

    def read(self, data: dict[str, object]) -> WarehouseConfig:
        """Return the configuration or raise all its problems."""
        for key in data:
            if key not in _SECTIONS:
                self._note((key,), f"unknown key {key!r}{nearest(key, _SECTIONS)}")
        company = self._read_company(data.get("company"))
        policies = resolve_policies(data.get("policies"), ("policies",), self.problems)
        publish = self._validate(Publish, data.get("publish") or {}, ("publish",))
        sources = self._read_sources(data.get("sources"), company)
        raise_problems(self.located, self.problems)
        if company is None or publish is None:  # a None has noted its problem above
            message = f"{self.located.path}: not a valid configuration"
            raise ConfigError(message)
        return WarehouseConfig.model_construct(
            path=self.located.path,
            company=company,
            policies=policies,
            sources=tuple(sources),
            publish=publish,
            uses_sandbox=self.uses_sandbox,
        )

    def _note(self, location: Location, text: str) -> None:
        self.problems.append(Problem(location, text))

    def _read_company(self, given: object) -> Company | None:
        if given is None:
            self._note(
                ("company",), "company is missing: name, reporting_currency, timezone"
            )
            return None
        company = self._validate(Company, given, ("company",))
        if company is not None and not company.presentation_currencies:
            only = {"presentation_currencies": (company.reporting_currency,)}
            company = company.model_copy(update=only)
        return company

    def _read_sources(
        self, given: object, company: Company | None
    ) -> list[SourceConfig]:
        if not isinstance(given, list) or not given:
            self._note(("sources",), "sources must be a list with at least one source")
            return []
        sources = []
        names: dict[str, int] = {}
        books = self._read_books(given, company)
        for index, item in enumerate(given):
            location: Location = ("sources", index)
            if not isinstance(item, dict):
                self._note(location, "a source is a mapping with name and kind")
                continue
            source = self._read_source(item, location, company, books)
            if source is None:
                continue
            if source.name in names:
                self._note(
                    (*location, "name"), f"source name {source.name!r} is used twice"
                )
            names[source.name] = index
            sources.append(source)
        if len(sources) == len(
            given
        ):  # else a reference may be to a source that failed
            return self._resolve_history(given, sources)
        return sources

    def _read_books(
        self, given: list[object], company: Company | None
    ) -> dict[object, object]:
        """Return the currency each legal entity keeps its books in, as far as sources say.

        One source may say it for all of an entity; two that say different ones are a problem.
        """
        default = company.name if company else "unknown"
        stated: dict[object, tuple[object, object]] = {}
        for index, item in enumerate(given):
            if not isinstance(item, dict) or not item.get("functional_currency"):
                continue
            entity = item.get("legal_entity") or default
            currency, name = item["functional_currency"], item.get("name")
            known, by = stated.setdefault(entity, (currency, name))
            if known != currency:
                text = (
                    f"legal entity {entity!r} keeps its books in {known} (source {by!r}), "
                    f"not in {currency}: one functional currency per legal entity"
                )
                self._note(("sources", index, "functional_currency"), text)
        return {entity: currency for entity, (currency, _) in stated.items()}

    def _read_source(
        self,
        given: dict[str, object],
        location: Location,
        company: Company | None,
        books: dict[object, object],
    ) -> SourceConfig | None:
        kind = given.get("kind")
        if not isinstance(kind, str) or kind not in _KINDS:
            hint = nearest(str(kind or ""), _KINDS)
            self._note((*location, "kind"), f"unknown source kind {kind!r}{hint}")
            return None
        model = _KINDS[kind]
        for key in given:
            field = model.model_fields.get(key)
            if field is not None and field.exclude is True:
                self._note((*location, key), f"unknown key {key!r}")
                return None
        zone = company.timezone if company else "UTC"
        default = company.name if company else "unknown"
        entity = given.get("legal_entity") or default
        reporting = company.reporting_currency if company else "USD"
        filled: dict[str, Any] = {
            "legal_entity": default,
            "functional_currency": books.get(entity, reporting),
            "timezone": zone,
            **{key: value for key, value in given.items() if value is not None},
            "reporting_timezone": zone,
        }
        if issubclass(model, VendorSource):
            return self._read_vendor(model, filled, location)
        if not self.may_be_open:
            self.problems.extend(find_unsettled(given, location))
        return self._read_files(filled, location)

    def _read_vendor(
        self, model: type[VendorSource], filled: dict[str, Any], location: Location
    ) -> VendorSource | None:
        url = filled.get("base_url", model.model_fields["base_url"].default)
        wrong = check_base_url(url) if isinstance(url, str) else "base_url must be text"
        if wrong:
            self._note((*location, "base_url"), wrong)
            return None
        if url.startswith(SANDBOX_PREFIX):
            self.uses_sandbox = filled["is_sandbox"] = True
            if self.sandbox_url is not None:
                url = self.sandbox_url.rstrip("/") + url.removeprefix(SANDBOX_PREFIX)
        filled["base_url"] = url.rstrip("/")
        if filled.get("portal_id"):
            filled.setdefault("account", filled["portal_id"])
        source = self._validate(model, filled, location)
        if source is None:
            return None
        source._environ = self.environ  # noqa: SLF001 - the one place that binds it
        for field in source.needed_secrets() if not source.is_sandbox else ():
            if getattr(source, field) is None:
                text = (
                    f"source {source.name} needs {field}: the name of the environment "
                )
                self._note(location, text + "variable that holds the secret")
        if self.require_secrets and not any(
            getattr(source, field) is None for field in source.needed_secrets()
        ):
            for field, variable in source.missing_secrets():
                text = (
                    f"source {source.name}: environment variable {variable} is not set"
                )
                self._note((*location, field), text)
        return source

    def _read_files(
        self, filled: dict[str, Any], location: Location
    ) -> FilesSource | None:
        where = filled.get("path")
        if not isinstance(where, str) or not where:
            self._note(
                location, "a files source needs path: the folder files are dropped in"
            )
            return None
        folder = self._resolve_folder(where, location)
        datasets = []
        if "datasets" in filled or "templates" not in filled:
            datasets = self._read_datasets(filled, location)
        body = {
            key: value
            for key, value in filled.items()
            if key not in _INHERITED and key != _VALUES
        }
        body |= {
            "timezone": filled["timezone"],
            "history_of": filled.get("history_of"),
            "path": folder,
            "datasets": tuple(datasets),
        }
        source = self._validate(FilesSource, body, location)
        if source is None or not source.templates:
            return source
        found = template_datasets(
            source.name,
            folder,
            root=self.root,
            but={dataset.entity for dataset in datasets},
        )
        inherited = {"timezone": source.timezone}
        datasets += [
            dataset
            for entity, given in found
            if (
                dataset := self._read_dataset(
                    given, location, entity, entity, inherited
                )
            )
        ]
        return source.model_copy(update={"datasets": tuple(datasets)})

    def _resolve_folder(self, where: str, location: Location) -> Path:
        """Return the drop folder: below the sandbox, absolute, or beside the file."""
        if not where.startswith(SANDBOX_PREFIX):
            return self.located.path.parent / Path(where).expanduser()
        self.uses_sandbox = True
        inner = Path(where.removeprefix(SANDBOX_PREFIX))
        if inner.is_absolute() or ".." in inner.parts:
            self._note((*location, "path"), "a sandbox path is sandbox:folder")
        return Path(where) if self.sandbox_root is None else self.sandbox_root / inner

    def _read_datasets(
        self, filled: dict[str, Any], location: Location
    ) -> list[Dataset]:
        given = filled.get("datasets")
        if not isinstance(given, dict) or not given:
            self._note(
                location,
                "a files source needs datasets (entity -> files and columns), or "
                "templates: true",
            )
            return []
        inherited = {
            key: filled[key] for key in _INHERITED if filled.get(key) is not None
        }
        shared = self._read_shared_values(filled.get(_VALUES), location, given)
        datasets = []
        for entity, body in given.items():
            where: Location = (*location, "datasets", entity)
            if entity not in CONTRACTS["files"]:
                hint = nearest(entity, CONTRACTS["files"])
                self._note(where, f"unknown entity {entity!r}{hint}")
                continue
            bodies = body if isinstance(body, list) else [body]
            for index, item in enumerate(bodies):
                at = (*where, index) if isinstance(body, list) else where
                name = f"{entity}__{index + 1}" if isinstance(body, list) else entity
                dataset = self._read_dataset(
                    _with_values(item, entity, shared), at, entity, name, inherited
                )
                if dataset is not None:
                    self.problems.extend(check_dataset(dataset, at))
                    datasets.append(dataset)
        return datasets

    def _read_shared_values(
        self, given: object, location: Location, datasets: dict[str, Any]
    ) -> dict[str, dict[str, str]]:
        """Return the words a source maps in every dataset that has the column.

        A closed list means other things in every entity, so its words stay with a dataset.
        """
        where: Location = (*location, _VALUES)
        if given is None:
            return {}
        if not isinstance(given, dict) or not all(
            isinstance(words, dict) for words in given.values()
        ):
            self._note(where, "values is a mapping: column -> {word in files: ours}")
            return {}
        contracts = [CONTRACTS["files"][e] for e in datasets if e in CONTRACTS["files"]]
        known = {c.name: c for contract in contracts for c in contract.columns}
        for column in given:
            if column not in known:
                hint = nearest(column, known)
                self._note((*where, column), f"no dataset here has {column!r}{hint}")
            elif known[column].values:
                text = f"{column} is a closed list; map its words in the dataset"
                self._note((*where, column), text)
        return given

    def _read_dataset(
        self,
        given: object,
        location: Location,
        entity: str,
        name: str,
        inherited: Mapping[str, Any],
    ) -> Dataset | None:
        if not isinstance(given, dict):
            self._note(location, f"dataset {entity} is a mapping with files")
            return None
        own = {key: value for key, value in given.items() if value is not None}
        for key in ("entity", "name", "legal_entity"):
            if key in own:
                self._note((*location, key), f"unknown key {key!r}")
                return None
        body = {
            "mode": default_mode(CONTRACTS["files"][entity]),
            **inherited,
            **own,
            "entity": entity,
            "name": name,
        }
        return self._validate(Dataset, without_unsettled(body), location)

    def _resolve_history(
        self, given: list[Any], sources: list[SourceConfig]
    ) -> list[SourceConfig]:
        """Give datasets with `history_of` the account and legal entity of that source."""
        vendors = {s.name: s for s in sources if isinstance(s, VendorSource)}
        resolved: list[SourceConfig] = []
        for index, source in enumerate(sources):
            if not isinstance(source, FilesSource):
                resolved.append(source)
                continue
            datasets = []
            for dataset in source.datasets:
                wanted = dataset.history_of
                if wanted is not None and wanted not in vendors:
                    location: Location = ("sources", index, "history_of")
                    if "history_of" not in given[index]:
                        location = (
                            *location[:2],
                            "datasets",
                            dataset.entity,
                            "history_of",
                        )
                    hint = nearest(wanted, vendors)
                    text = f"history_of names no vendor source {wanted!r}{hint}"
                    self._note(location, text)
                elif wanted is not None:
                    vendor = vendors[wanted]
                    known = {
                        "source_account": dataset.source_account or vendor.account,
                        "legal_entity": vendor.legal_entity,
                    }
                    dataset = dataset.model_copy(update=known)  # noqa: PLW2901 - the completed dataset replaces it
                datasets.append(dataset)
            resolved.append(source.model_copy(update={"datasets": tuple(datasets)}))
        return resolved

    def _validate(
        self, model: type[_ModelT], data: object, location: Location
    ) -> _ModelT | None:
        """Return the model, or note what is wrong with it and return None."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                context = detail.get("ctx", {})
                where = (*location, *detail["loc"])
                if detail["type"] == "unknown_key":
                    where = (*where, context["word"])
                self._note(
                    where, _describe(detail["type"], detail["msg"], detail["loc"])
                )
            return None


def _with_values(
    given: object, entity: str, shared: Mapping[str, dict[str, str]]
) -> object:
    """Return a dataset's body with the words its source maps for columns it has."""
    if not isinstance(given, dict) or not shared:
        return given
    own = given.get(_VALUES) or {}
    names = {column.name for column in CONTRACTS["files"][entity].columns}
    values = {
        n: {**words, **own.get(n, {})} for n, words in shared.items() if n in names
    }
    return {**given, _VALUES: {**own, **values}}


def _describe(code: str, message: str, location: tuple[int | str, ...]) -> str:
    """Return a problem in words a person acts on."""
    name = ".".join(str(part) for part in location)
    if code == "missing":
        return f"{name} is missing"
    if code == "unknown_key":
        return message
    text = message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
