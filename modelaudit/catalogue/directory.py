"""Find the rule set of this installation on disk."""

from __future__ import annotations

from pathlib import Path

from modelaudit.model.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent


def find_rules_directory() -> Path:
    """Return the folder ``rules/`` of this installation.

    A wheel carries it inside the package; an editable install leaves it beside the package, in the source tree.

    Raises:
        ConfigurationError: there is none; the installation is damaged.
    """
    for candidate in (_PACKAGE / "rules", _PACKAGE.parent / "rules"):
        # Another program may have a folder of this name, so a part of the rule set has to be in it.
        if (candidate / "findings").is_dir() or (candidate / "callables").is_dir():
            return candidate
    raise ConfigurationError(
        f"no rule set in {_PACKAGE / 'rules'}: the installation is damaged; install modelaudit-gate again"
    )
