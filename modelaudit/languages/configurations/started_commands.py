"""Detect commands that a loader starts itself: names and addresses of files that are pipes, and options of Java.

Kaldi takes ``command |`` for a file that it reads and ``| command`` for one that it writes, in lists (``.scp``), in
options (``--lda-matrix=…`` of a ``.conf`` file), and behind ``ark:`` or ``scp:`` under any key. Programs that convert
sound or features are ordinary there.

WebDataset and its kin take ``pipe:command`` for the address of a file, under any key.

Sources: ``webdataset/gopen.py`` (``gopen_pipe``), ``src/util/kaldi-io.cc`` of Kaldi (``ClassifyRxfilename``,
``ClassifyWxfilename``), ``src/util/kaldi-table.cc``
(``ClassifyRspecifier``), ``vmargs`` of TorchServe (``config.properties``), the ``java`` command of the JDK
(``-XX:OnError``, ``-javaagent``, ``-agentpath``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting, TextMarks
from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.program_names import normalize_program_name
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

STARTED_PROGRAMS: Final = "started-programs"
"""The vocabulary of programs that a loader starts because of a configuration."""

_WEB_ADDRESS: Final = defer_pattern(r"\b[a-z][a-z0-9+.-]{1,9}://[^\s'\"|;]{1,1000}")
_KNOWN_STORE: Final = defer_pattern(
    r"(?:s3|gs|hf|az)://|https://(?:[\w-]{1,100}\.){0,5}(?:huggingface\.co|hf\.co|googleapis\.com|amazonaws\.com"
    r"|windows\.net|laion\.ai|github\.com)/"
)
_DOWNLOADERS: Final = frozenset({"curl", "wget", "aws", "gsutil", "gcloud", "hf", "rclone", "ais"})
_LISTS: Final = (".scp",)
_OPTION_FILES: Final = (".conf", ".config", ".cfg")
_PIPE: Final = defer_pattern(r"\s*\|(?P<written>.*)|(?P<read>.*)\|\s*", re.DOTALL)
# ``pipe:0`` and ``pipe:1`` are streams of ffmpeg; behind a blank, only a command has an option, a path or an operator.
_ADDRESS: Final = defer_pattern(
    r"\s*pipe:(?!\d?\s*\Z)(?P<command>[\w./~$({-].*|\s{1,9}\S+\s.*(?:\s-\w|://|[|>/$]).*)", re.DOTALL
)
# A specifier of Kaldi, whose file name may be a pipe: ``ark,s,cs:command |``, also two in a row: ``ark,scp:``.
_SPECIFIER: Final = defer_pattern(r"\s*(?:ark|scp)(?:,\w{1,5}){0,8}:")
# ``sox`` takes a file name that begins with a bar for a command, and any program may get one in a substitution.
_INNER_COMMAND: Final = ("|", "$", "`")
_WRITABLE_FOLDERS: Final = ("/tmp/", "/dev/", "/proc/", "/var/tmp/")
# Programs that write to a file unless the command names their output.
_CONVERTERS: Final = frozenset({"sox", "ffmpeg", "avconv", "lame"})
_OUTPUTS: Final = frozenset({"-", "-p", "--sox-pipe", "pipe:", "pipe:1", "/dev/stdout"})
# Hidden files, and folders of the system.
_PRIVATE_PLACE: Final = defer_pattern(r"(?:\A|=)(?:~|/etc/|/bin/|/usr/)|/\.[A-Za-z]")
_LONGEST_COMMAND: Final = 20_000  # characters
_JAVA_KEYS: Final = frozenset({"vmargs"})
_JAVA_OPTION: Final = defer_pattern(
    r"(?:^|\s)(?P<option>-XX:On(?:Error|OutOfMemoryError)|-XX:(?:Flags|VMOptionsFile)|-javaagent|-agent(?:path|lib)"
    r"|-Xbootclasspath(?:/[ap])?)[=:]"
)


def read_started_commands(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the programs that a loader starts, and of the dangerous actions of their commands.

    Raises:
        LimitReachedError: a bound on the analysis of a command was reached.
    """
    yield from build_outlines(_collect_programs(get_file_name(path), settings))


def _collect_programs(file: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield each program that a file name of Kaldi or an option of Java starts; ``file`` is the name in lower case."""
    is_list, has_options = file.endswith(_LISTS), file.endswith(_OPTION_FILES)
    for setting in settings:
        if not isinstance(setting.value, str):
            continue
        if setting.key in _JAVA_KEYS:
            for match in _JAVA_OPTION.finditer(setting.value):
                yield Mention(STARTED_PROGRAMS, "java-option", match["option"], setting.where, setting.value[:200])
        elif (address := _ADDRESS.fullmatch(setting.value)) is not None:
            yield from _mention_stream(address["command"], setting)
        elif _SPECIFIER.match(setting.value):
            pipe = _PIPE.fullmatch(_SPECIFIER.sub("", setting.value, count=1))
            if pipe is not None:
                yield from _mention_pipe(pipe["written"] or pipe["read"] or "", setting)
        elif is_list or (has_options and setting.key.startswith("--")):
            # Kaldi removes a comment from a line of options (``src/util/parse-options.cc``, ``ReadConfigFile``).
            pipe = _PIPE.fullmatch(setting.value if is_list else setting.value.partition("#")[0])
            if pipe is not None:
                yield from _mention_pipe(pipe["written"] or pipe["read"] or "", setting)


def _mention_stream(text: str, setting: Setting) -> Iterator[Mention]:
    """Yield each program of a pipe of WebDataset, but downloads from a store that people of models use.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    addresses = _WEB_ADDRESS.findall(text)
    is_known = bool(addresses) and all(map(_KNOWN_STORE.match, addresses))
    for mention in _mention_pipe(text, setting):
        is_download = mention.vocabulary == STARTED_PROGRAMS and mention.name in _DOWNLOADERS
        if not (is_download and is_known):
            yield mention


def _mention_pipe(text: str, setting: Setting) -> Iterator[Mention]:
    """Yield each program of a pipe, and each dangerous action of its commands.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    from modelaudit.languages.shell.lexer import parse_commands
    from modelaudit.languages.shell.script import collect_script_mentions

    for command in parse_commands(text[:_LONGEST_COMMAND]):
        for name in _list_programs(command):
            yield Mention(STARTED_PROGRAMS, "pipe", name[:200], setting.where, text.strip()[:200])
    for mention in collect_script_mentions(text[:_LONGEST_COMMAND]):
        yield replace(mention, where=setting.where)


def _list_programs(command: Command) -> Iterator[str]:
    """Yield the program of a command, and each part by which it may start or overwrite something else."""
    if command.words:
        program = command.words[0]
        # A program at an absolute path is one of the machine; one at a relative path may lie in the model.
        is_installed = "/" not in program or (program.startswith("/") and not program.startswith(_WRITABLE_FOLDERS))
        yield normalize_program_name(program) if is_installed else program
    yield from (word for word in command.words[1:] if any(sign in word for sign in _INNER_COMMAND))
    yield from command.input_substitutions
    yield from (f"> {word}" for word in _list_overwritten(command))
    yield from (f"> {file}" for file in command.output_files if file != "/dev/null")
    yield from (f"{name}={value}" for name, value in command.assignments)


def _list_overwritten(command: Command) -> Iterator[str]:
    """Yield the arguments that may be a file which the program writes, in place of its output."""
    if not command.words:
        return
    is_converter = normalize_program_name(command.words[0]) in _CONVERTERS
    if is_converter and not any(word in _OUTPUTS for word in command.words):
        yield command.words[-1]
    yield from (word for word in command.words[1:] if _PRIVATE_PLACE.search(word))


STARTED_COMMANDS = Interpreter(
    _JAVA_KEYS,
    read_started_commands,
    marks=TextMarks(
        (
            ("|", defer_pattern(r"\|(?:[ \t\r]*(?:#|$)|(?<=[=\s]\|))", re.MULTILINE)),
            ("pipe:", defer_pattern(r"pipe:[ \t]{0,9}[\w./~$({-]")),
            ("|", defer_pattern(r"(?:ark|scp)(?:,\w{1,5}){0,8}:[^\n]{0,1000}\|")),
        )
    ),
)
