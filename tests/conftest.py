"""What every test shares: how random examples are drawn."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Time says how busy the machine is, not whether the code is right: a pause of three seconds
# while examples were drawn made a whole run red.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
