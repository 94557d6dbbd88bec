"""Find what a command writes to a file that a shell, or Python, runs when it starts: ``~/.bashrc``, a ``.pth`` file.

Sources: the manual of bash, "Bash Startup Files"; the documentation of the Python module ``site``.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.constant_output import evaluate_pipeline_output, evaluate_printed_text
from modelaudit.languages.shell.download_commands import is_download
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError

_SHELL_FILES: Final = frozenset(
    {".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin",
     "bash.bashrc", "config.fish"}
)  # fmt: skip
_SYSTEM_FILES: Final = ("/etc/profile", "/etc/zshrc", "/etc/zshenv")
_PATH_SETTINGS: Final = defer_pattern(r"(?:site|dist)-packages/[^/]*\.pth")
_IMPORT_LINE: Final = defer_pattern(r"^import[ \t;]", re.MULTILINE)
# A copy of such a file, which was there before: ``cp /etc/skel/.bashrc ~``.
_OWN_COPY: Final = defer_pattern(r"(?:~|\$HOME|/etc/skel|/root)/\.?\w+(?:[.\w-]*)")
_COPIERS: Final = frozenset({"cp", "mv", "install", "ln"})
# These print the content of other files, so that the written text is unknown.
_READERS: Final = frozenset({"cat", "sed", "head", "tail", "awk", "base64", "xxd", "gunzip", "zcat", "dd"})


def list_unknown_startup_files(command: Command, words: list[str]) -> list[str]:
    """List the start-up files to which a command writes the content of another file or of an address.

    A constant text is left out, because installers append settings such as ``export PATH=…``: its commands are judged.
    Of a ``.pth`` file, a constant with an ``import`` line counts, which Python runs.

    Args:
        command: as it is written, with its ``piped_input``.
        words: its words without wrappers such as ``sudo``.
    """
    name = normalize_program_name(words[0]) if words else ""
    targets = _list_targets(command, words, name)
    shell_files = [each for each in targets if _is_shell_file(each)]
    path_settings = [each for each in targets if _PATH_SETTINGS.search(each)]
    if not shell_files and not path_settings:
        return []
    text = _find_written_text(command)
    if text is not None:
        return path_settings if _IMPORT_LINE.search(text) else []
    return [*shell_files, *path_settings] if _writes_other_content(command, words, name) else []


def list_startup_texts(command: Command) -> list[str]:
    """List the constant text, if there is one, that a command writes to a start-up file of a shell."""
    words = unwrap_command(command.words)
    name = normalize_program_name(words[0]) if words else ""
    if not any(_is_shell_file(each) for each in _list_targets(command, words, name)):
        return []
    text = _find_written_text(command)
    return [] if text is None else [text]


def _list_targets(command: Command, words: list[str], name: str) -> list[str]:
    """List the files that a command writes: of redirections, of ``tee``, and the last word of ``cp`` and the like."""
    if name == "tee":
        return [*command.output_files, *words[1:]]
    return [*command.output_files, *(words[2:][-1:] if name in _COPIERS else ())]


def _is_shell_file(path: str) -> bool:
    """Whether a shell runs the file with this path when it starts."""
    return path.rpartition("/")[2] in _SHELL_FILES or path in _SYSTEM_FILES


def _find_written_text(command: Command) -> str | None:
    """Return the constant text that a command writes, from its words, its pipe or its here-document."""
    text = evaluate_printed_text(command)
    if text is None and command.piped_input:
        with suppress(LimitReachedError):  # the analysis of the pipeline records the bound
            text = evaluate_pipeline_output(command.piped_input)
    return command.input_text if text is None else text


def _writes_other_content(command: Command, words: list[str], name: str) -> bool:
    """Whether a command writes what another file or an address holds, and no copy of a start-up file of the user."""
    if name in _COPIERS:
        return not all(_OWN_COPY.fullmatch(word) for word in words[1:-1] if not word.startswith("-"))
    sources = [words, *(unwrap_command(each.words) for each in command.piped_input)]
    return any(
        is_download(source) or (bool(source) and normalize_program_name(source[0]) in _READERS) for source in sources
    )
