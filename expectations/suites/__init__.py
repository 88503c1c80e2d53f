"""Rules by subject: `raw_<kind>` for landed entities, `marts_<theme>` for published tables.

Belongs here: bounds with their source (vendor limit, law of arithmetic, measured range).
Stays out: keys and volume, which `expectations.catalogue` gives every subject alike.
"""
