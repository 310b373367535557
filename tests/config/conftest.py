"""Generated examples: as many as there is time for, and never a verdict by the clock."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("config", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("config")
