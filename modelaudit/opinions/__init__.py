"""Second opinions from other scanners, each in a process of its own."""

from __future__ import annotations

from modelaudit.opinions.modelscan import get_second_opinion

__all__ = ["get_second_opinion"]
