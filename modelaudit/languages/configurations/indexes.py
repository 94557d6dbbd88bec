"""Detect package indexes and disabled checks in the configurations of pip, uv, Poetry, Pipenv, conda, npm and Yarn.

Sources: https://docs.astral.sh/uv/concepts/indexes/, https://python-poetry.org/docs/repositories/, the reference of the
``Pipfile``, https://docs.conda.io/projects/conda/en/stable/configuration.html, https://yarnpkg.com/configuration/yarnrc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.shell.index_settings import INDEX_VARIABLES, VARIABLE_ASSIGNMENT, judge_index_variable
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.requirement_lines import collect_requirement_mentions
from modelaudit.wire.text import get_file_name

# Keys that name an index, each with the option of pip that has the same effect.
_INDEX_OPTIONS: Final = {
    "index-url": "--index-url", "index_url": "--index-url", "extra-index-url": "--extra-index-url",
    "extra_index_url": "--extra-index-url", "find-links": "--find-links", "find_links": "--find-links",
    "dependency_links": "--find-links", "npmRegistryServer": "--index-url", "channel_alias": "--index-url",
}  # fmt: skip
_CHANNEL_KEYS: Final = frozenset({"channels", "default_channels", "custom_channels"})
# The tables of ``pyproject.toml`` and other files that list indexes, and those that list packages.
_INDEX_TABLES: Final = frozenset({"index", "source"})
_PACKAGE_TABLES: Final = frozenset({"sources", "packages", "dev-packages", "pypi-dependencies"})
# Lists of requirements that an installer reads from its own table, or from the metadata of a script (PEP 723).
_REQUIREMENT_LISTS: Final = frozenset(
    {"override-dependencies", "constraint-dependencies", "build-constraint-dependencies", "dev-dependencies",
     "extra-build-dependencies", "dependencies", "extra-dependencies"}
)  # fmt: skip
# Lists of packages, or texts with one a line, that serving tools and conda pass to pip: Truss, Cog, BentoML.
_INSTALLED_LISTS: Final = frozenset(
    {"pip", "requirements", "python_packages", "pip_packages", "pip_requirements", "python_requirements"}
)
_NAMES_SOURCE: Final = defer_pattern(r"(?:^|\s)-[a-z-]|://", re.MULTILINE)
_ADDRESS_KEYS: Final = frozenset({"url", "file", "git", "hg", "svn", "bzr"})
_CHECK_KEYS: Final = frozenset({"verify_ssl", "ssl_verify", "enableStrictSsl", "strict-ssl"})
_TRUSTED_HOST_KEYS: Final = frozenset({"allow-insecure-host", "trusted-host", "trusted_host", "unsafeHttpWhitelist"})
_INSTALLER_FILES: Final = frozenset({"pyproject.toml", "uv.toml", "pipfile", "poetry.toml", "pdm.toml", "pixi.toml"})


def read_indexes(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the package indexes, and of the disabled checks of certificates or hosts."""
    yield from build_outlines(_collect_indexes(get_file_name(path) in _INSTALLER_FILES, settings))


def _collect_indexes(is_installer: bool, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each index, trusted host, disabled check, and package from an address.

    Args:
        is_installer: whether the file configures an installer, so that ``url`` and ``git`` name a package or an index.
        settings: the settings of the document.
    """
    for setting in settings:
        key, value = setting.key, setting.value
        if key in _CHECK_KEYS and str(value).lower() in ("false", "0", "no"):
            yield Mention("requirements", "unverified", f"{key}={value}"[:100], setting.where)
        if not isinstance(value, str) or not value:
            continue
        yield from _judge_variable(setting, value)
        option = _INDEX_OPTIONS.get(key)
        if key in _TRUSTED_HOST_KEYS:
            yield from collect_requirement_mentions(f"--trusted-host {value}", setting.where)
        # A channel, or the ``url`` in a table of indexes, is an index too if it is an address and not a name.
        elif not _CHANNEL_KEYS.isdisjoint(setting.path) or (is_installer and key == "url" and _is_in_table(setting)):
            option = "--index-url" if "://" in value else None
        elif is_installer and key in _ADDRESS_KEYS and not _PACKAGE_TABLES.isdisjoint(setting.path):
            prefix = "" if key in ("url", "file") else f"{key}+"
            yield from collect_requirement_mentions(f"{prefix}{value}", setting.where)
        elif (is_installer and _is_requirement(setting)) or _is_installed(setting):
            for line in value.splitlines():
                yield from collect_requirement_mentions(line, setting.where)
        if option is not None:
            yield from collect_requirement_mentions(f"{option} {value}", setting.where)


def _judge_variable(setting: Setting, value: str) -> Iterator[Mention]:
    """Yield a mention of each index that a variable of the environment names: ``NAME: value``, or ``- NAME=value``."""
    assignment = VARIABLE_ASSIGNMENT.fullmatch(value)
    name, index = assignment.groups() if assignment is not None else (setting.key, value)
    for mention in judge_index_variable(name, index):
        yield replace(mention, where=setting.where)


def _is_requirement(setting: Setting) -> bool:
    """Whether a setting is an item of a list of requirements; those of ``[project]`` are read as build requirements."""
    steps = setting.path
    is_item = len(steps) > 1 and steps[-1].isdigit()
    return is_item and steps[0] not in ("project", "build-system") and not _REQUIREMENT_LISTS.isdisjoint(steps[:-1])


def _is_installed(setting: Setting) -> bool:
    """Whether a setting is, or belongs to, a list of packages for pip, and names a source of one."""
    is_listed = setting.key in _INSTALLED_LISTS and (setting.path[-1].isdigit() or "\n" in str(setting.value))
    return is_listed and _NAMES_SOURCE.search(str(setting.value)) is not None


def _is_in_table(setting: Setting) -> bool:
    """Whether a setting belongs to a table of indexes, such as ``[[tool.uv.index]]`` or ``[[tool.poetry.source]]``."""
    return any(step in _INDEX_TABLES or step.endswith((".index", ".source")) for step in setting.path[:-1])


INDEXES = Interpreter(
    _CHANNEL_KEYS | _CHECK_KEYS | _TRUSTED_HOST_KEYS | _INSTALLED_LISTS | {*_INDEX_OPTIONS, *INDEX_VARIABLES},
    read_indexes,
    _INSTALLER_FILES | {".condarc"},
    VARIABLE_ASSIGNMENT,
)
