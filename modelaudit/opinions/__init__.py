"""Second opinions from other scanners, each in a process of its own."""

from __future__ import annotations

from modelaudit.opinions.modelscan import second_opinion

__all__ = ["second_opinion"]
