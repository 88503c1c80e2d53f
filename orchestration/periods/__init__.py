"""Closed periods: what was signed off, by whom, and proof that it was not touched since.

Belongs here: the chain of closes, reopenings and approvals (`chain`), what a close refuses
(`refusals`), what it freezes (`freezing`), doing it (`closing`), and what a build makes of it.
Stays out: the orchestrator, dbt, verbs. Definitions: R-LATE and R-REOPEN of the catalogue.
"""

from __future__ import annotations

from typing import Final

AREAS: Final = ("finance", "sales", "marketing")
"""What is closed on its own; each is the theme of the same name in the published tables."""
