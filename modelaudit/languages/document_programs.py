"""Find programs in documents that a tool runs when it renders them, and commands in text that no reader parses.

Sphinx, Quarto, MyST, Jupyter Book, Cog and Mako run blocks of a document. The blocks are analysed as Python or shell,
and count if they show an attack: other calls in an example are ordinary. A line of any other text counts if it is,
behind a key, a schedule or a quote, a command that fetches and runs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from modelaudit.languages.configurations.commands import ACTIONS_UNDER_ANY_KEY
from modelaudit.languages.configurations.python_names import FORMAT
from modelaudit.languages.python import uses
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reader, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text import decode_loosely, get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

_PYTHON: Final = "python"
_SHELL: Final = "shell"
_LONGEST_TEXT: Final = 8 * MIB
_OVERLAP: Final = 1024  # of two chunks, longer than a mark
_MAX_BLOCKS: Final = 1_000
_MAX_MENTIONS: Final = 2_000


class _Block(Struct, frozen=True):
    """A kind of program in a document.

    Attributes:
        language: of the program.
        endings: of the names of the documents, in lower case; empty for any text.
        pattern: its group ``program`` is the text of the program.
    """

    language: str
    endings: tuple[str, ...]
    pattern: re.Pattern[str]


_MARKDOWN: Final = (".md", ".markdown", ".mdx", ".myst", ".qmd", ".rmd")
_DIRECTIVES: Final = {
    _PYTHON: "jupyter-execute|execute_code|exec-code|exec|ipython|plot|testcode|testsetup|doctest-requires|runblock",
    _SHELL: "program-output|command-output|runcmd|program_output|bash-execute",
}
_FENCE: Final = r"^[ \t>]*(?P<fence>`{3,}|~{3,}|:{3,})[ \t]*"
_FENCE_END: Final = r"\n(?P<program>[\s\S]*?)(?:^[ \t>]*(?P=fence)|\Z)"
_RUN_LANGUAGES: Final = {_PYTHON: r"python\d?|py|ipython\d?", _SHELL: r"bash|sh|shell|zsh|console"}
# Quarto and knitr run ``{python}``, MyST runs ``{code-cell}``, and markdown-exec runs what has the option ``exec``.
_BLOCKS: Final = (
    *(
        _Block(
            language,
            _MARKDOWN,
            defer_pattern(
                rf"{_FENCE}(?:\{{[ \t]*(?:{names}|{_DIRECTIVES[language]}|code-cell)\b[^\n]{{0,300}}"
                rf"|(?:{names})\b[^\n]{{0,200}}\bexec\b[^\n]{{0,100}}){_FENCE_END}",
                re.MULTILINE,
            ),
        )
        for language, names in _RUN_LANGUAGES.items()
    ),
    *(
        _Block(
            language,
            (".rst", ".txt", ".rest"),
            # The argument of the directive, and the indented lines below it.
            defer_pattern(
                rf"^[ \t]*\.\.[ \t]+(?:{names})::(?P<program>[^\n]*+(?:\n(?:[ \t]+[^\n]*+|[ \t]*+(?=\n)))*+)",
                re.MULTILINE,
            ),
        )
        for language, names in _DIRECTIVES.items()
    ),
    # Quarto runs expressions in a sentence too.
    _Block(_PYTHON, _MARKDOWN, defer_pattern(r"(?<!`)`\{python\}[ \t](?P<program>[^`\n]{1,2000})`")),
    _Block(_PYTHON, (), defer_pattern(r"\[\[\[cog\b(?P<program>(?:(?!\[\[\[cog)[\s\S]){0,20000}?)\]\]\]")),
    _Block(_PYTHON, (".mako", ".mak"), defer_pattern(r"<%!?\s(?P<program>(?:(?!<%)[\s\S]){0,20000}?)%>")),
)  # fmt: skip
_MARK: Final = defer_pattern(
    rb"\[\[\[cog|<%|`\{python\}|(?:```|~~~|:::)[ \t]*(?:\{|[a-z0-9]{2,12}[^\n]{0,200}\bexec\b)"
    rb"|^[ \t]*\.\.[ \t]+[a-z_-]{4,20}::|^_base_[ \t]*=",
    re.MULTILINE,
)
# What precedes each line of a block: a comment of the language around it, ``>>>``, ``In [1]:`` of IPython, ``$``.
_LINE_START: Final = defer_pattern(r"^[ \t]*(?://+|#+(?!!)|--|\*|;+)[ \t]?", re.MULTILINE)
_PROMPT: Final = defer_pattern(r"^[ \t]*(?:>>>|\.\.\.|In \[\d*\]:|\$)[ \t]?", re.MULTILINE)
_OPTION_LINE: Final = defer_pattern(r"^[ \t]*:[\w-]+:[^\n]*$", re.MULTILINE)
_ESCAPED_COMMAND: Final = defer_pattern(r"^[ \t]*(?:!|%+(?:bash|sh|system|sx)\b)(?P<command>[^\n]*)$", re.MULTILINE)
_ATTACK_TEXTS: Final = frozenset(
    {"(download | shell)", "(shell $(download))", "(download && run)", "(shell over /dev/tcp)", "(netcat shell)",
     "(decoded | shell)", "(encoded powershell)", "(powershell download)"}
)  # fmt: skip
_ATTACK_USES: Final = frozenset({uses.OF_DECODED, uses.OF_DOWNLOAD, uses.REMOTE_SHELL, uses.SENDS_SECRET})

# MMEngine loads the files that a Python configuration names as its bases.
_BASE: Final = defer_pattern(r"^_base_[ \t]*=[ \t]*", re.MULTILINE)
_LONGEST_BASES: Final = 5_000
_MOST_BASES: Final = 10  # assignments; a configuration has one
_ADDRESS: Final = defer_pattern(r"https?://[^\s\"'\])]{1,1000}")


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the attacks in blocks that a tool runs, and references to bases of a configuration on the web.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    name = get_file_name(artifact.path)
    blocks = [block for block in _BLOCKS if not block.endings or name.endswith(block.endings)]
    before = b""
    for chunk in iterate_chunks(window, 0, min(window.size, _LONGEST_TEXT, limits.document_bytes)):
        before = before[-_OVERLAP:] + chunk
        if _MARK.search(before):
            break
    else:
        return
    text = decode_loosely(window.read(0, min(window.size, _LONGEST_TEXT))).replace("\r\n", "\n")
    if name.endswith(".py"):
        yield from _refer_to_bases(text)
    found: dict[Mention, None] = {}
    for block in blocks:
        for count, match in enumerate(iterate_within_deadline(block.pattern.finditer(text))):
            if count >= _MAX_BLOCKS:
                detail = f"only the first {_MAX_BLOCKS} programs of one kind in the document were analysed"
                yield Unread(UnreadReason.LIMIT, detail)
                break
            line = text.count("\n", 0, match.start()) + 1
            found.update(dict.fromkeys(_analyze_block(block.language, match["program"], line)))
    yield from _build_outlines(found)


def _build_outlines(found: dict[Mention, None]) -> Iterator[Reading]:
    """Yield an outline of the mentions of each vocabulary, and an absence if there are too many."""
    mentions, absences = keep_first(found, _MAX_MENTIONS, "attacks in programs of the document")
    for format_name, is_python in (("python", True), ("shell", False)):
        selected = tuple(each for each in mentions if (each.vocabulary == uses.VOCABULARY) is is_python)
        if selected:
            yield Outline(format_name, selected)
    yield from absences


def _refer_to_bases(text: str) -> Iterator[Reading]:
    """Yield references to the bases of a Python configuration that lie on the web."""
    references: list[Reference] = []
    for match in islice(_BASE.finditer(text), _MOST_BASES):
        value = text[match.end() : match.end() + _LONGEST_BASES]
        closing = {"[": "]", "(": ")"}.get(value[:1], "\n")
        where = Location(line=text.count("\n", 0, match.start()) + 1)
        references += (
            Reference(ReferenceKind.CODE, address, "_base_", where=where)
            for address in _ADDRESS.findall(value.partition(closing)[0])
        )
    kept, absences = keep_first(dict.fromkeys(references), _MAX_MENTIONS, "bases of the configuration")
    if kept:
        yield References(FORMAT, kept)
    yield from absences


def _analyze_block(language: str, program: str, line: int) -> Iterator[Mention]:
    """Yield the attacks in one block, which begins at ``line``."""
    text = _OPTION_LINE.sub("", program)
    lines = [each for each in text.split("\n") if each.strip()]
    if lines and all(_LINE_START.match(each) for each in lines[1:]) and _LINE_START.match(lines[-1]):
        text = _LINE_START.sub("", text)
    text = textwrap.dedent(_PROMPT.sub("", text)).strip("\n")
    commands = [match["command"] for match in _ESCAPED_COMMAND.finditer(text)]
    if language == _PYTHON:
        yield from _analyze_python(_ESCAPED_COMMAND.sub("pass", text), line)
    else:
        commands.append(text)
    for command in commands:
        yield from _analyze_shell(command, line)


def _analyze_python(text: str, line: int) -> Iterator[Mention]:
    """Yield the uses of names in a program that shows an attack; nothing for any other program."""
    from modelaudit.languages.python.analysis import analyze_source

    mentions = analyze_source(text).mentions
    if any(each.use in _ATTACK_USES or each.name in _ATTACK_TEXTS for each in mentions):
        for mention in mentions:
            if mention.use != uses.IMPORT:
                yield replace(mention, where=Location(line=line))


def _analyze_shell(text: str, line: int) -> Iterator[Mention]:
    """Yield the attacks in a command line; a bound that is reached ends them."""
    from modelaudit.languages.shell.script import collect_script_mentions

    try:
        for mention in collect_script_mentions(text.strip()):
            if mention.use in ACTIONS_UNDER_ANY_KEY:
                yield replace(mention, where=Location(line=line))
    except LimitReachedError:
        return


DOCUMENT_PROGRAMS: Final = Reader("text", looks_like_text, _read)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""

# Where a command may begin in a line of unknown text: at its start, behind a key or a schedule of cron, behind a quote
# or a bracket. Prose before a command ends in a word instead.
_FETCH: Final = defer_pattern(
    r"(?<![\w./-])(?:/(?:[\w.-]{1,40}/){1,6})?"
    r"(?:curl|wget|aria2c|fetch|base64|nc|ncat|socat|iwr|powershell(?:\.exe)?|(?:ba|z|da)?sh)(?=[ \t\"',])"
)
_FETCHING_WORDS: Final = ("curl", "wget", "aria2c", "fetch", "base64", "ncat", "socat", "iwr", "powershell")
# Short words that many others end with, each with the letters that may be before it.
_FETCHING_STOPS: Final = frozenset(" \t\"',\\")
_FETCHING_ENDS: Final = (("nc", ""), ("sh", "az"))
# Without one of these, a command runs nothing that it fetches.
_RUNS: Final = defer_pattern(r"[|;&`]|[$<]\(|[ \"']-\w{0,9}[ce]|/dev/(?:tcp|udp)")
_BEFORE: Final = defer_pattern(
    r".*[\"'`(\[|;&!]|(?:[\w.@*-]{1,60}(?:[ \t]*[=:])?)?(?:[ \t]*\b(?:sudo|exec|env|nohup))?"
    r"|(?:@\w+|(?:[\d*/,-]+[ \t]+){4}[\w*/,-]+)(?:[ \t]+\w{1,32})?"
)
_COMMENT: Final = defer_pattern(r"[ \t]*(?:#(?!!)|//|/?\*|--|;|%|\"\"|<!--|rem\b)", re.IGNORECASE)
_SCHEDULE: Final = defer_pattern(
    r"[ \t]*(?:@(?:reboot|hourly|daily|weekly|monthly|yearly|annually|midnight)|(?:[\d*/,-]+[ \t]+){4}[\w*/,-]+)"
    r"[ \t]+\S"
)
_QUOTE: Final = defer_pattern(r"(?<!\\)[\"'`]")
_LINE: Final = defer_pattern(r"([^\n]*+)(?:\n|\Z)")
_LONGEST_PREFIX: Final = 4_000  # characters before a command in its line
_LONGEST_COMMAND: Final = 20_000
_MOST_STARTS: Final = 20  # in one line
_MOST_COMMANDS: Final = 5_000  # different ones
_PROSE_NAME: Final = defer_pattern(
    r"(?:readme|install|changelog|changes|news|contributing|license|licence|notice|copying|authors|history|todo|faq"
    r"|security|code_of_conduct)\b.*|.*\.(?:adoc|asciidoc|org|textile|pod|wiki|po|pot|patch|diff|srt|vtt|nfo|info|me)"
)


def _may_fetch(text: str) -> bool:
    """Whether ``_FETCH`` may match anywhere in the text; few texts hold its words, and the search for it is slow."""
    if any(word in text for word in _FETCHING_WORDS):
        return True
    for word, letters in _FETCHING_ENDS:
        offset = text.find(word)
        while offset >= 0:
            before, after = text[offset - 1 : offset], text[offset + 2 : offset + 3]
            if after in _FETCHING_STOPS and (before in letters or not before.isalnum()):
                return True
            offset = text.find(word, offset + 1)
    return False


def read_command_lines(path: str, text: str) -> Iterator[Reading]:
    """Yield an outline of the lines that are, behind a key, a schedule or a quote, a command that fetches and runs.

    Args:
        path: of the file. In prose, only lines of a cron table count.
        text: its text, in no language that another reader parses.
    """
    name = get_file_name(path)
    is_prose = name.endswith((".txt", ".rst", ".log", ".csv", ".tsv")) or _PROSE_NAME.fullmatch(name) is not None
    found: dict[Mention, None] = {}
    commands: dict[str, int] = {}
    is_cut = False
    # No list: a long text has millions of lines.
    lines = _LINE.finditer(text.replace("\\\n", "  ") if _may_fetch(text) else "")
    for number, match in iterate_within_deadline(enumerate(lines, 1), items_per_check=256):
        line = match[1]
        if _FETCH.search(line) is None or _RUNS.search(line) is None:
            continue
        if _SCHEDULE.match(line) is None and (is_prose or _COMMENT.match(line)):
            continue
        listed = list(islice(_list_commands(line), _MOST_STARTS + 1))
        is_cut = is_cut or len(listed) > _MOST_STARTS or any(len(each) > _LONGEST_COMMAND for each in listed)
        for command in listed[:_MOST_STARTS]:
            commands.setdefault(command[:_LONGEST_COMMAND], number)
        if len(commands) > _MOST_COMMANDS:
            break
    for command, number in iterate_within_deadline(islice(commands.items(), _MOST_COMMANDS), items_per_check=16):
        found.update(dict.fromkeys(_analyze_shell(command, number)))
    yield from _build_outlines(found)
    if is_cut:
        detail = (
            f"only the first {_MOST_STARTS} commands of a long line, and {_LONGEST_COMMAND} characters, were analysed"
        )
        yield Unread(UnreadReason.LIMIT, detail)
    if len(commands) > _MOST_COMMANDS:
        yield Unread(UnreadReason.LIMIT, f"only the first {_MOST_COMMANDS} lines that may be commands were analysed")


def _list_commands(line: str) -> Iterator[str]:
    """Yield the texts of a line that may be a command: up to the quote that closes them, or to the end."""
    schedule = _SCHEDULE.match(line)
    if schedule is not None:
        command = line[schedule.end() - 1 :]
        yield command
        yield command.partition(" ")[2]  # in /etc/cron.d, a user precedes the command
    for match in _FETCH.finditer(line):
        before = line[max(0, match.start() - _LONGEST_PREFIX) : match.start()]
        if _BEFORE.fullmatch(before.strip()) is None:
            continue
        quote = _find_open_quote(before)
        rest = line[match.start() : match.start() + _LONGEST_COMMAND + 1]
        closing = re.search(rf"(?<!\\){quote}", rest) if quote else None
        command = rest[: closing.start()] if closing is not None else rest
        if before[-1:] == "(" and command.count(")") > command.count("("):
            command = command.rpartition(")")[0]
        yield command.replace('\\"', '"') if quote == '"' else command


def _find_open_quote(before: str) -> str:
    """Return the quote that the part of a line opens and does not close; empty if there is none."""
    quote = ""
    for match in _QUOTE.finditer(before):
        if not quote:
            quote = match[0]
        elif match[0] == quote:
            quote = ""
    return quote
