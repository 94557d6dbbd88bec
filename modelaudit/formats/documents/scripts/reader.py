"""Read scripts and other files with commands: shell, PowerShell, Dockerfiles, Makefiles and settings of Git and pip.

The reader reports commands that a model repository does not need, such as downloads that are run. It runs nothing and
does not evaluate loops. Python programs inside a script become artifacts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from modelaudit.formats.documents.scripts.docker_programs import find_python_programs, find_unread_programs
from modelaudit.formats.documents.scripts.recognition import START_BYTES, detect_kind, is_hook
from modelaudit.formats.documents.structured.tables import interpret_table
from modelaudit.formats.embedded import DecodedWindow
from modelaudit.languages.shell import git, makefiles, recipes, settings_files
from modelaudit.languages.shell.dialects import convert_dialect, find_dialect, report_dialect
from modelaudit.languages.shell.embedded_commands import extract_python_programs
from modelaudit.languages.shell.executed_files import find_executed_files
from modelaudit.languages.shell.fetched_places import refer_to_fetched_runs
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.languages.shell.vocabulary import VOCABULARY
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import RUN_FILE, Mention, Outline, Reference, References
from modelaudit.model.structure import NOWHERE, Document, Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading, ReadingStep
from modelaudit.wire.documents import check_text
from modelaudit.wire.text import decode_loosely, get_file_name
from modelaudit.wire.windows import get_budget, make_opener

FORMAT: Final = "shell"
# https://devcenter.heroku.com/articles/procfile: ``web: gunicorn app:app``.
_PROCESS_NAME: Final = defer_pattern(r"^[A-Za-z0-9_-]{1,100}:", re.MULTILINE)
_MOST_CHARACTERS: Final = 2 * MIB
_MOST_PROGRAMS: Final = 200


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, the mentions of its commands, and the Python programs in it.

    Raises:
        DamagedError: the file is not text to its end.
        LimitReachedError: the file is longer than is parsed, or the deadline passed.
        WindowError: the window could not return the requested bytes.
    """
    kind = detect_kind(artifact.path, window.read(0, START_BYTES))
    yield from _read_commands(artifact, window, limits, kind)


def read_program(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what ``read`` yields for text under any name that a shell runs; the errors are the same."""
    yield from _read_commands(artifact, window, limits, "script")


def read_makefile(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what ``read`` yields for text under any name that make includes; the errors are the same."""
    yield from _read_commands(artifact, window, limits, "makefile")


def read_dockerfile(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what ``read`` yields for text under any name from which an image is built; the errors are the same."""
    yield from _read_commands(artifact, window, limits, "dockerfile")


def _read_commands(artifact: Artifact, window: Window, limits: Limits, kind: str) -> Iterator[Reading]:
    """Yield the document, the mentions of its commands of the kind, and the Python programs in it; see ``read``."""
    damage: DamagedError | None = None
    try:
        pieces = check_text(window, limits)
        yield Document("text", "text", lines=pieces.scan.lines, defects=pieces.defects)
        text = pieces.read_start(_MOST_CHARACTERS + 1)
    except DamagedError as error:
        # A shell runs the lines around bytes that are not text, and skips zero bytes.
        damage = error
        text = decode_loosely(window.read(0, min(window.size, _MOST_CHARACTERS)))
    # A dictionary, because it keeps the order and each mention once.
    mentions: dict[Mention, None] = {}
    texts = ParsedTexts()
    fetched_runs: dict[str, Location] = {}
    try:
        mentions.update(dict.fromkeys(_find_name_mentions(artifact.path)))
        commands = _SCRIPT_CONVERTERS.get(kind, _keep_text)(text[:_MOST_CHARACTERS])
        dialect = find_dialect(get_file_name(artifact.path), text) if kind == "script" else ""
        commands = convert_dialect(commands, dialect)
        is_script = kind in _SCRIPT_CONVERTERS
        found = _find_script_mentions(commands, texts, fetched_runs) if is_script else _MENTION_FINDERS[kind](commands)
        for mention in found:
            mentions[mention] = None
    finally:
        # After the deadline too, the mentions found so far are yielded.
        yield Outline(FORMAT, tuple(mentions), (("kind", kind),))
        yield from refer_to_fetched_runs(fetched_runs)
    yield from _interpret_kind(kind, artifact.path, text[:_MOST_CHARACTERS], limits)
    yield from report_dialect(text[:_MOST_CHARACTERS], dialect)
    if kind in _SCRIPT_CONVERTERS:
        yield ReadingStep("search for executed files", lambda: _list_executed_files(commands, texts))
        docker_programs = find_python_programs(text[:_MOST_CHARACTERS]) if kind == "dockerfile" else ()
        for number, (line, program) in enumerate(chain(extract_python_programs(commands, texts), docker_programs)):
            if number >= _MOST_PROGRAMS:
                raise LimitReachedError(f"only the first {_MOST_PROGRAMS} Python programs in the commands were read")
            inner = DecodedWindow(program.encode("utf-8", "replace"), get_budget(window, limits))
            yield Artifact(join_member(artifact.path, f"line-{line}.py"), inner.size, make_opener(inner))
    if damage is not None:
        raise damage
    if len(text) > _MOST_CHARACTERS:
        raise LimitReachedError(f"only the first {_MOST_CHARACTERS} characters of the commands were parsed")


def _list_executed_files(commands: str, texts: ParsedTexts) -> Iterator[Reading]:
    """Yield the references to the files that the commands of a script, a Dockerfile or a Makefile may execute.

    Args:
        commands: as the shell reads them.
        texts: those of the script that another analysis has parsed.

    Raises:
        LimitReachedError: behind the references, if a bound on the search was reached.
    """
    references: list[Reference] = []
    try:
        references.extend(find_executed_files(commands, texts))
    finally:
        if references:
            yield References(RUN_FILE, tuple(references))


def _interpret_kind(kind: str, path: str, text: str, limits: Limits) -> Iterator[Reading]:
    """Yield the settings and references of a file of the ``kind`` that has them, and its programs that stay unread."""
    if kind == "index":
        yield from interpret_table(path, get_file_name(path), text, limits)
    elif kind == "dockerfile":
        yield from find_unread_programs(text)
    elif kind == "makefile":
        yield from _report_computed_commands(text)
    elif kind == "justfile" and recipes.has_other_shell(text):
        yield Unread(UnreadReason.PROGRAM, "just has another program run recipes: their commands were not analysed")
    elif kind == "modelfile":
        yield from settings_files.collect_modelfile_references(text)


def _report_computed_commands(text: str) -> Iterator[Reading]:
    """Yield an absence if functions of make compute commands of a Makefile from more than its text."""
    computed = list(makefiles.list_computed_commands(text))
    if computed:
        line, function = computed[0]
        further = f", and {len(computed) - 1} more" if len(computed) > 1 else ""
        detail = f"$({function} …) of make computes the command of a line{further}: it was not analysed"
        yield Unread(UnreadReason.PROGRAM, detail, Location(line=line))


def _find_name_mentions(path: str) -> Iterator[Mention]:
    """Yield a mention for a file that a tool runs automatically because of its name."""
    if is_hook(path):
        yield Mention(VOCABULARY, "on-open", f"git hook {get_file_name(path)}", NOWHERE)
    elif get_file_name(path) == ".envrc":
        yield Mention(VOCABULARY, "on-open", ".envrc", NOWHERE)


def _keep_text(text: str) -> str:
    """Return the text of a script unchanged."""
    return text


def _blank_process_names(text: str) -> str:
    """Return the commands of a ``Procfile`` at their places, without the names of the processes before them."""
    return _PROCESS_NAME.sub(lambda match: " " * len(match[0]), text)


# By the kind of the file: the function that turns its text into shell commands.
_SCRIPT_CONVERTERS: Final[dict[str, Callable[[str], str]]] = {
    "script": _keep_text,
    "dockerfile": recipes.convert_dockerfile,
    "makefile": makefiles.convert_makefile,
    "justfile": recipes.convert_justfile,
    "procfile": _blank_process_names,
}


def _find_script_mentions(text: str, texts: ParsedTexts, fetched_runs: dict[str, Location]) -> Iterator[Mention]:
    """Yield the mentions of shell commands, and those of PowerShell if the text refers to it.

    Args:
        text: the script.
        texts: keeps what is parsed.
        fetched_runs: gets the files that commands run and that a download may have written.
    """
    yield from collect_script_mentions(text, texts=texts, fetched_runs=fetched_runs)
    if "powershell" in text.lower() or "pwsh" in text.lower():
        yield from collect_windows_mentions(text)


# By the kind of a file without shell commands: the function that finds mentions in its text.
_MENTION_FINDERS: Final[dict[str, Callable[[str], Iterator[Mention]]]] = {
    "windows": collect_windows_mentions,
    "git": git.collect_git_mentions,
    "unit": settings_files.collect_unit_mentions,
    "index": settings_files.collect_index_mentions,
    "modelfile": lambda text: iter(()),
}


def read_attributes(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, and the drivers that Git would run on files.

    Raises:
        DamagedError: the file is not text to its end.
        LimitReachedError: the file is longer than is parsed.
        WindowError: the window could not return the requested bytes.
    """
    pieces = check_text(window, limits)
    yield Document("text", "text", lines=pieces.scan.lines, defects=pieces.defects)
    text = pieces.read_start(_MOST_CHARACTERS + 1)
    yield Outline("text", tuple(git.collect_attribute_mentions(text[:_MOST_CHARACTERS])))
    if len(text) > _MOST_CHARACTERS:
        raise LimitReachedError(f"only the first {_MOST_CHARACTERS} characters of the Git attributes were parsed")
