"""The pages people look at.

Belongs here: turning one published build into a page. Stays out: the build file, raw data,
Dagster: a page reads only the published folder, so it can never show what was not gated.
"""
