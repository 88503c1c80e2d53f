"""The dropped files of one dataset, opened: their parts, and how their columns are mapped.

Belongs here: archived contents to parts of text, the mapping that stands from a file's first
part on, the files a lookup refers to. Stays out: which files are read (`source`), what of
their rows stands (`reading`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.archive import archive_file, archived_file
from ingest.config_templates import HEADER_LINE, is_template
from ingest.errors import ContractViolation
from ingest.sources.files.decode import decode_file, decode_parts
from ingest.sources.files.discover import find_files, nearest_name
from ingest.sources.files.mapping import FileMapping, LookupTables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ingest.config import Dataset, FilesSource
    from ingest.sources.files.proof import Stated
    from ingest.sources.files.table import Part, RawTable

OF_ONE_FILE: Final[dict[str, object]] = {
    "skip_rows": 0,
    "header_rows": 1,
    "sheet": None,
    "fixed_width": {},
    "rows_quoted": False,
    "member": None,
    "total_rows": None,
}
"""What is declared of a dataset's own files and not of the files it looks up."""


@dataclass(frozen=True)
class DroppedFile:
    """One content to load: the name it was dropped under, its SHA-256, what its manifest says."""

    name: str
    sha256: str
    is_replay: bool = False
    stated: Stated | None = None


class Contents:
    """The files of one dataset; `mappings` holds those of the files begun so far."""

    def __init__(
        self,
        source: FilesSource,
        dataset: Dataset,
        *,
        archive_dir: Path,
        files: Sequence[DroppedFile],
        part_bytes: int,
    ) -> None:
        """Open nothing before its parts are asked for."""
        self.source = source
        self.dataset = dataset
        self.archive_dir = archive_dir
        self.files = files
        self.part_bytes = part_bytes
        self.mappings: dict[int, FileMapping] = {}

    def parts(self, number: int) -> Iterator[Part]:
        """Yield the parts of a file; its mapping stands from the first one on.

        Raises:
            ContractViolation: it is not what the configuration says it is.
        """
        try:
            yield from self._parts(number)
        except ContractViolation as error:
            if number in self.mappings or not is_template(self.dataset):
                raise
            message = (
                f"{error}. Lines 1 to {HEADER_LINE} of a template and the name of its sheet stay "
                f"as they are; `warehouse files template {self.dataset.entity}` writes a new one"
            )
            raise ContractViolation(message) from None

    def _parts(self, number: int) -> Iterator[Part]:
        file = self.files[number]
        with self._content(file.sha256).open("rb") as stream:
            for part in decode_parts(
                stream, self.dataset, name=file.name, part_bytes=self.part_bytes
            ):
                if number not in self.mappings:
                    self.mappings[number] = FileMapping(
                        part.headers,
                        self.dataset,
                        what=file.name,
                        lookups=self.lookups,
                        is_native=part.is_native,
                    )
                elif part.headers != self.mappings[number].headers:
                    message = (
                        f"{file.name}: its members or sheets have different headers; declare "
                        "them as datasets of their own"
                    )
                    raise ContractViolation(message)
                yield part

    @functools.cached_property
    def lookups(self) -> LookupTables:
        """Return the tables lookups refer to; of several matches, the last by name."""
        tables: dict[tuple[str, str | None], RawTable] = {}
        for rule in self.dataset.lookup.values():
            if (rule.file, rule.sheet) in tables:
                continue
            paths = find_files(self.source.path, [rule.file])
            if not paths:
                hint = nearest_name(self.source.path, rule.file)
                what = f"{self.source.name}.{self.dataset.name}"
                message = f"{what}: no file matches {rule.file} (for a lookup){hint}"
                raise ContractViolation(message)
            kept = archived_file(
                self.archive_dir, archive_file(paths[-1], self.archive_dir)
            )
            plain = self.dataset.model_copy(
                update={
                    **OF_ONE_FILE,
                    "sheet": rule.sheet if rule.sheet is None else (rule.sheet,),
                }
            )
            tables[rule.file, rule.sheet] = decode_file(
                kept.read_bytes(), plain, name=paths[-1].name
            )
        return LookupTables(tables)

    @functools.cache  # noqa: B019 - one reading, a handful of files
    def _content(self, sha256: str) -> Path:
        """Return the kept copy of a content, looked at once to be what its name says."""
        return archived_file(self.archive_dir, sha256)
