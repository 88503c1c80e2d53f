"""From the build file to what people read: one complete, gated build or the previous one.

Belongs here: composing, copying, describing, committing and pruning published builds. Stays
out: the orchestrator, dbt, the gates (their verdict arrives as `red_themes`), dashboards.
"""

from __future__ import annotations

from orchestration.publish.build import PublishRequest, build_id_for, publish_build
from orchestration.publish.manifest import Manifest, read_manifest
from orchestration.publish.pointer import (
    current_build,
    list_builds,
    recover,
    switch_current,
)
from orchestration.publish.tables import PublishedTable, read_published_tables

__all__ = [
    "Manifest",
    "PublishRequest",
    "PublishedTable",
    "build_id_for",
    "current_build",
    "list_builds",
    "publish_build",
    "read_manifest",
    "read_published_tables",
    "recover",
    "switch_current",
]
