"""Dropped files: any delimited text, JSON Lines, Parquet or workbook, by declared format.

Belongs here: the source's entry point. Stays out: everything else (`source` composes).
"""

from __future__ import annotations

from ingest.sources.files.source import SOURCE

__all__ = ["SOURCE"]
