"""The vocabulary of what commands do."""

from __future__ import annotations

from typing import Final

VOCABULARY: Final = "shell-commands"
