"""Collect the package indexes that a script sets: by variables, by ``config`` commands of installers, and for apt.

Each variable and each setting is judged like the option of pip that has the same effect.

Sources: https://pip.pypa.io/en/stable/topics/configuration/, https://docs.astral.sh/uv/reference/environment/,
https://docs.npmjs.com/cli/configuring-npm/npmrc, https://go.dev/ref/mod#environment-variables, sources.list(5),
git-config(1), and the documentation of the other tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.git_keys import COMMAND_KEYS, HARMLESS_VALUES
from modelaudit.languages.shell.program_names import normalize_program_name
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.wire.requirement_lines import collect_requirement_mentions

_REQUIREMENTS: Final = "requirements"
_SHELL_COMMANDS: Final = "shell-commands"
_INDEX: Final = "--index-url"
_LINKS: Final = "--find-links"
_HOST: Final = "--trusted-host"
INDEX_VARIABLES: Final = {
    "PIP_INDEX_URL": _INDEX, "PIP_EXTRA_INDEX_URL": _INDEX, "PIP_FIND_LINKS": _LINKS, "PIP_TRUSTED_HOST": _HOST,
    "PIPENV_PYPI_MIRROR": _INDEX, "PDM_PYPI_URL": _INDEX, "PYTHON_BUILD_MIRROR_URL": _INDEX,
    "UV_INDEX": _INDEX, "UV_INDEX_URL": _INDEX, "UV_DEFAULT_INDEX": _INDEX, "UV_EXTRA_INDEX_URL": _INDEX,
    "UV_FIND_LINKS": _LINKS, "UV_INSECURE_HOST": _HOST, "UV_PYTHON_INSTALL_MIRROR": _INDEX,
    "CONDA_CHANNELS": _INDEX, "CONDA_CHANNEL_ALIAS": _INDEX, "MAMBA_CHANNELS": _INDEX,
    "NPM_CONFIG_REGISTRY": _INDEX, "npm_config_registry": _INDEX, "YARN_REGISTRY": _INDEX,
    "YARN_NPM_REGISTRY_SERVER": _INDEX, "COREPACK_NPM_REGISTRY": _INDEX, "NODEJS_ORG_MIRROR": _INDEX,
    "PUPPETEER_DOWNLOAD_BASE_URL": _INDEX, "PLAYWRIGHT_DOWNLOAD_HOST": _INDEX, "ELECTRON_MIRROR": _INDEX,
    "GOPROXY": _INDEX, "CARGO_REGISTRIES_CRATES_IO_INDEX": _INDEX, "RUSTUP_DIST_SERVER": _INDEX,
    "RUSTUP_UPDATE_ROOT": _INDEX, "JULIA_PKG_SERVER": _INDEX, "BAZELISK_BASE_URL": _INDEX,
    "HOMEBREW_BOTTLE_DOMAIN": _INDEX,
}  # fmt: skip
"""Variables that name an index, a page of links or a host without checks, each with the option of pip for it."""
VARIABLE_ASSIGNMENT: Final = defer_pattern(rf"({'|'.join(INDEX_VARIABLES)})=(\S[\s\S]*)")
"""An assignment of one of these variables, as ``env``, ``docker run -e`` and lists of Compose spell it."""
_SEPARATOR: Final = defer_pattern(r"[\s,|]+")
# The scheme and the host of an address whose rest is unknown.
_KNOWN_HOST: Final = defer_pattern(r"[a-z]+://[^/$\s]+(?=/|\Z)", re.IGNORECASE)
_LONGEST_NAME: Final = 300

# Settings of pip, npm and others, with the option of pip. The section before the dot does not matter.
_SETTING_OPTIONS: Final = {
    "index-url": _INDEX, "extra-index-url": _INDEX, "find-links": _LINKS, "trusted-host": _HOST, "registry": _INDEX,
    "npmregistryserver": _INDEX, "channels": _INDEX, "channel-alias": _INDEX, "default-channels": _INDEX,
}  # fmt: skip
_CONFIGURED: Final = frozenset(
    {"pip", "pip2", "pip3", "npm", "pnpm", "yarn", "bun", "conda", "mamba", "micromamba", "uv"}
)
# Commands that add an index: the program, the words behind it, and nothing but the address counts then.
_ADDING_COMMANDS: Final = (
    ("poetry", ("source", "add")), ("poetry", ("config",)), ("gem", ("sources",)), ("gem", ("source",)),
    ("dotnet", ("nuget", "add")), ("nuget", ("sources",)), ("cargo", ("config",)),
)  # fmt: skip
_ADDED_ADDRESS: Final = defer_pattern(r"[a-z+]+://\S*(?<!\.git)\Z")
_REPLACED_BASE: Final = defer_pattern(r"url\.(.+)\.(?:push)?insteadof", re.IGNORECASE)
_KNOWN_FORGE: Final = defer_pattern(
    r"(?:https|ssh)://(?:[^/@\s]*@)?(?:github\.com|gitlab\.com|bitbucket\.org)(?:[:/]|\Z)"
)
# Settings of git whose value is a folder, or names a helper of git.
_PATH_KEYS: Final = frozenset({"core.hookspath", "include.path", "core.worktree", "credential.helper", "ssh.variant"})
# ``deb [trusted=yes] http://host/path suite``
_APT_SOURCE: Final = defer_pattern(
    r"(?:^|[\s'\"])deb(?:-src)?[ \t]+(?:\[([^\]\n]{0,300})\][ \t]*)?((?:https?|ftp)://\S+)"
)
_UNSIGNED: Final = defer_pattern(r"\btrusted\s*=\s*yes|allow-insecure\s*=\s*yes")


def judge_index_variable(name: str, value: str) -> Iterator[Mention]:
    """Yield a mention for each index that the value of a variable names; for a variable of another purpose, none."""
    option = INDEX_VARIABLES.get(name, "")
    for each in _SEPARATOR.split(value.strip("\"' \t")) if option else ():
        # ``UV_INDEX`` may name its indexes: ``name=address``.
        address = each.rpartition("=")[2] if name == "UV_INDEX" and "?" not in each else each
        if not _refers_to(address, name):
            yield from judge_index(option, address)


def judge_index(option: str, value: str) -> Iterator[Mention]:
    """Yield the mention of an index, a page of links or a host that an option of pip gets; a folder gives none.

    An index whose host comes from a variable or a command is unknown, and therefore on no list.
    """
    if "$" in value:
        host = _KNOWN_HOST.match(value)
        if option == _INDEX or host is not None:
            yield from (
                collect_requirement_mentions(f"{option} {host[0]}")
                if host
                else [Mention(_REQUIREMENTS, "local-index", value[:_LONGEST_NAME])]
            )
    elif "://" in value or (option == _HOST and value):
        yield from collect_requirement_mentions(f"{option} {value}")


def _refers_to(value: str, name: str) -> bool:
    """Whether the value is that of the variable itself, as in ``ENV PIP_INDEX_URL=$PIP_INDEX_URL``."""
    return value.strip("${}") == name


def collect_index_settings(command: Command, words: list[str]) -> Iterator[Mention]:
    """Yield the indexes that one command sets: by a variable, for its installer, for apt or for git.

    Args:
        command: as it is written.
        words: its words without wrappers such as ``sudo``.
    """
    assigned_in_words = (match.groups() for match in map(VARIABLE_ASSIGNMENT.fullmatch, command.words) if match)
    for name, value in dict.fromkeys((*command.assignments, *assigned_in_words)):
        yield from judge_index_variable(name, value)
    for text in (*words, command.input_text or ""):
        yield from _collect_apt_sources(text)
    if words:
        yield from _judge_configuration(normalize_program_name(words[0]), words)


def _judge_configuration(name: str, words: list[str]) -> Iterator[Mention]:
    """Yield the indexes that a command sets if it configures the installer, or git, of this ``name``."""
    if name in _CONFIGURED and not {"config", "set"}.isdisjoint(words[1:4]):
        yield from _collect_configured_indexes(words[1:])
    elif any(name == program and tuple(words[1 : 1 + len(rest)]) == rest for program, rest in _ADDING_COMMANDS):
        for word in words[1:]:
            yield from judge_index(_INDEX, word) if _ADDED_ADDRESS.match(word) else ()
    elif name == "git" and "config" in words[1:4]:
        yield from _judge_git_setting([word for word in words[1:] if not word.startswith("-")])


def _collect_configured_indexes(words: list[str]) -> Iterator[Mention]:
    """Yield the indexes that ``pip config set KEY VALUE``, ``npm config set KEY=VALUE`` and their like set."""
    for index, word in enumerate(words):
        key, has_value, value = word.partition("=")
        option = _SETTING_OPTIONS.get(key.rpartition(".")[2].rpartition(":")[2].lower().replace("_", "-"))
        if option is not None:
            yield from judge_index(option, value if has_value else "".join(words[index + 1 : index + 2]))


def _judge_git_setting(words: list[str]) -> Iterator[Mention]:
    """Yield a mention if ``git config KEY VALUE`` makes git fetch from elsewhere, or start a program."""
    arguments = [word for word in words[words.index("config") + 1 :] if word != "set"]
    key, value = [*arguments, "", ""][:2]
    replaced = _REPLACED_BASE.fullmatch(key)
    if replaced is not None:
        base = replaced[1]
        if _KNOWN_FORGE.match(base) is None and base.partition("://")[2]:
            yield from judge_index(_INDEX, base)
    elif key.lower() in COMMAND_KEYS - _PATH_KEYS and value and value.lower() not in HARMLESS_VALUES:
        yield Mention(_SHELL_COMMANDS, "git-command", key.lower(), detail=value[:_LONGEST_NAME])


def _collect_apt_sources(text: str) -> Iterator[Mention]:
    """Yield the sources of packages that a text gives apt; their signatures protect them, unless an option drops it."""
    for options, address in _APT_SOURCE.findall(text) if "deb" in text else ():
        if _UNSIGNED.search(options):
            yield from collect_requirement_mentions(f"{_INDEX} {address}")
        else:
            yield Mention(_REQUIREMENTS, "signed-index", address[:_LONGEST_NAME])
