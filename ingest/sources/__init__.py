"""Registry: kind -> source, and the streams a configured source consists of.

Belongs here: finding a source. Stays out: everything a source does. A vendor's module is
imported only when one of its sources is configured, so a missing optional dependency of one
vendor never stops another.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from ingest.contracts import CONTRACTS
from ingest.errors import ConfigError
from ingest.sources.protocol import FileSource, Source, Stream

if TYPE_CHECKING:
    from ingest.config import SourceConfig
    from ingest.sources.probing import Probe

FILES: Final = "files"

_MODULES: Final = {
    "hubspot": "ingest.sources.hubspot",
    "stripe": "ingest.sources.stripe",
    "google_ads": "ingest.sources.google_ads",
    "meta_ads": "ingest.sources.meta_ads",
    FILES: "ingest.sources.files",
}
"""kind -> module; each has a module-level `SOURCE`, a vendor a `probe.PROBE` beside it."""


def source_of(kind: str) -> Source:
    """Return the API source of that kind.

    Raises:
        ConfigError: no such kind.
    """
    return cast("Source", _load(kind))


def probe_of(kind: str) -> Probe:
    """Return what a vendor can be asked before its first night.

    Raises:
        ConfigError: no such kind.
    """
    _load(kind)
    return cast("Probe", import_module(f"{_MODULES[kind]}.probe").PROBE)


def file_source() -> FileSource:
    """Return the source of dropped files."""
    return cast("FileSource", _load(FILES))


def streams_of(config: SourceConfig) -> tuple[Stream, ...]:
    """Return every stream one configured source delivers."""
    if config.kind == FILES:
        return file_source().streams(config)
    return tuple(
        Stream(kind=config.kind, entity=entity, name=config.name)
        for entity in CONTRACTS[config.kind]
    )


def _load(kind: str) -> object:
    if kind not in _MODULES:
        message = f"unknown source kind {kind!r}; known: {', '.join(sorted(_MODULES))}"
        raise ConfigError(message)
    return import_module(_MODULES[kind]).SOURCE
