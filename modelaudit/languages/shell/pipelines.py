"""Group commands into pipelines and detect the commands that execute their input."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.program_names import (
    EVALUATORS,
    INTERPRETERS,
    SCHEDULERS,
    SHELLS,
    normalize_program_name,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError

_OPTIONS_WITH_VALUE: Final = frozenset({"-o", "-O", "--rcfile", "--init-file", "-W", "-X"})
_STANDARD_INPUT: Final = frozenset({"-", "/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"})
MAX_INLINE_LENGTH: Final = 200_000
"""Characters of an inline program, such as the text behind ``python -c``, that are searched."""
_READS_INPUT: Final = defer_pattern(r"stdin|STDIN|ARGF|\bopen\(0|<>")
_EXECUTES_TEXT: Final = defer_pattern(r"\b(?:exec|eval|system|popen|execSync|subprocess\.\w+)\s*\(?")
_AWKS: Final = frozenset({"awk", "gawk", "mawk", "nawk"})
# The flag ``e`` of ``s/a/b/e`` executes the result.
_SED_EXECUTION: Final = defer_pattern(
    r"s([^\w\s])(?:(?!\1).){0,200}\1(?:(?!\1).){0,200}\1[gpiIm\d]{0,9}e[gpiIm\d]{0,9}"
)
# ``system($0)`` or ``print | "sh"`` in a program of awk.
_AWK_EXECUTION: Final = defer_pattern(r"\bsystem\s*\(\s*\$|\|\s*\"(?:/\w+){0,3}/?(?:ba|da|z)?sh\b")


class Pipeline(Struct):
    """Commands joined by pipes: each reads the output of the one before."""

    commands: list[Command] = field(default_factory=list)


def group_into_pipelines(commands: list[Command]) -> Iterator[Pipeline]:
    """Yield the commands by pipeline, in order."""
    pipeline = Pipeline()
    for command in commands:
        pipeline.commands.append(command)
        if not command.is_piped:
            yield pipeline
            pipeline = Pipeline()
    if pipeline.commands:
        yield pipeline


def runs_input(words: list[str]) -> bool:
    """Whether the program executes its standard input: ``sh``, ``bash -s``, ``python3 -``."""
    if not words:
        return False
    name = normalize_program_name(words[0])
    if name in SCHEDULERS:
        return "-f" not in words and "-l" not in words  # ``at -f file`` reads a file, ``at -l`` lists the queue
    if name in EVALUATORS:
        return not _STANDARD_INPUT.isdisjoint(words[1:])
    if name in ("make", "gmake"):
        return "-f-" in words or any(pair[0] == "-f" and pair[1] in _STANDARD_INPUT for pair in pairwise(words))
    if name in ("sed", "gsed"):
        return any(_SED_EXECUTION.fullmatch(word) for word in words[1:])
    if name in _AWKS:
        return any(_AWK_EXECUTION.search(word) for word in words[1:])
    if name not in SHELLS | INTERPRETERS:
        return False
    # The text of an inline program follows an option: ``python -c text``.
    if name in INTERPRETERS and any(_runs_read_text(word) for word in words[2:]):
        return True
    return _lacks_program_argument(name, words[1:])


def hides_program(words: list[str]) -> bool:
    """Whether an unknown expansion names the program, and the other words are what a shell that runs its input takes.

    ``curl … | $SUDO tee file`` is ordinary: the words behind the expansion show the program.
    """
    return bool(words) and "$" in words[0] and _lacks_program_argument("sh", words[1:])


def list_program_words(words: list[str]) -> list[str]:
    """List the words of a shell or interpreter that can name the program it executes, and no arguments of that program.

    The program is the first word that is neither an option nor the value of one. The words behind ``-c`` are arguments
    as well, except that a shell can execute them: ``sh -c '. $0' file``.
    """
    name = normalize_program_name(words[0])
    listed: list[str] = []
    is_option_value = False
    for index, word in enumerate(words[1:], 1):
        listed.append(word)
        if name in SHELLS and is_program_text_option(word):
            return words[1:]
        if word == "-m" and name not in SHELLS:  # ``python -m a.b`` runs the file ``a/b.py``
            return [f"{module.replace('.', '/')}.py" for module in words[index + 1 : index + 2]]
        if is_option_value or word in _OPTIONS_WITH_VALUE:
            is_option_value = not is_option_value
        elif not word.startswith("-"):
            break
    return listed


def is_program_text_option(word: str) -> bool:
    """Whether a word is the option ``-c`` of a shell, alone or joined with others, as in ``-xc``."""
    return word.startswith("-") and not word.startswith("--") and word.endswith("c")


def check_inline_length(program: str) -> None:
    """Refuse an inline program that is longer than is searched.

    Raises:
        LimitReachedError: it is.
    """
    if len(program) > MAX_INLINE_LENGTH:
        raise LimitReachedError(f"an inline program has more than {MAX_INLINE_LENGTH} characters; it was not analysed")


def _runs_read_text(program: str) -> bool:
    """Whether the text of an inline program reads its standard input and executes text."""
    check_inline_length(program)
    return _READS_INPUT.search(program) is not None and _EXECUTES_TEXT.search(program) is not None


def _lacks_program_argument(name: str, arguments: list[str]) -> bool:
    """Whether the arguments of a shell or interpreter contain neither a script file nor a program text."""
    is_option_value = False
    for word in arguments:
        # Behind an option with a value, the next word is that value, and the word behind it is not.
        if is_option_value or word in _OPTIONS_WITH_VALUE:
            is_option_value = not is_option_value
        elif word in _STANDARD_INPUT or word == "-s":
            return True
        elif name in SHELLS and re.fullmatch(r"\+[a-zA-Z]+", word):  # ``bash +x``
            continue
        elif not word.startswith("-"):
            return False
        elif word.startswith("--"):
            continue
        elif name in SHELLS:
            # Of the joined options of a shell, as in ``bash -xc``, only ``c`` takes the program: ``bash -eux`` reads
            # its input. The name of a setting follows ``o``, as in ``-euo pipefail``.
            if "c" in word:
                return False
            is_option_value = word.endswith(("o", "O"))
        # Options of interpreters that take the program: ``-c`` and ``-m`` of Python, ``-e``, ``-ne`` and ``-pe`` of
        # Perl, ``-p`` of Node, ``-r`` of PHP.
        elif word[1:2] in ("c", "m", "e", "n", "p", "r"):
            return False
    return True
