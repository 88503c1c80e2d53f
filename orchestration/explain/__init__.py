"""The records behind a published figure, adding up to it, and the figures a record is in.

Belongs here: finding a figure's rows in the build file by the statements its build left
(`records`), adding them up against what is published (`figures`), what a close was signed of
(`signed`), and where a record landed (`landed`). Stays out: terminals (`cli.explain`), dbt.
"""

from __future__ import annotations

from orchestration.explain.figures import Explanation, Question, Side, explain_figure
from orchestration.explain.landed import Landed, find_landed
from orchestration.explain.records import Explainer, NotExplainedError, Part
from orchestration.explain.signed import Signed, explain_signed

__all__ = [
    "Explainer",
    "Explanation",
    "Landed",
    "NotExplainedError",
    "Part",
    "Question",
    "Side",
    "Signed",
    "explain_figure",
    "explain_signed",
    "find_landed",
]
