"""Find harmful commands in documents for people: Markdown, other prose, pages, and Markdown cells of notebooks.

Commands are in blocks of any language but that of data or of another program, between backticks or tags of HTML, and in
paragraphs that begin like a command. A block of Python counts if it runs what it downloads or decodes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

from modelaudit.languages.documented_programs import MOST_PROGRAMS, find_documented_programs
from modelaudit.languages.python import uses
from modelaudit.languages.shell.vocabulary import VOCABULARY
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import DOCUMENTED_PROGRAM, RUN_FILE, Mention, Outline, Reference
from modelaudit.model.structure import Location
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.requirement_lines import VOCABULARY as REQUIREMENTS
from modelaudit.wire.text import decode_loosely, get_file_name, looks_like_text

if TYPE_CHECKING:
    from modelaudit.languages.shell.parsed_texts import ParsedTexts

_MOST_CHARACTERS: Final = 2 * MIB
_MOST_BLOCK_CHARACTERS: Final = 400_000  # of all commands of a document together
_CHARACTERS_OF_BLOCK: Final = 100  # to which the analysis of an empty block corresponds
_INDEX_USES: Final = frozenset({"index", "links", "local-index", "unknown-index", "signed-index"})
_INSTRUCTED: Final = "instructed"
"""The kind of a file that a document tells users to run."""
_FENCED_BLOCK: Final = defer_pattern(
    r"^[ \t>]*+(?P<fence>`{3,}+|~{3,}+)[ \t]*+\{?\.?(?P<language>[\w+-]*+)[^\n`]*+\n"
    r"(?P<text>(?:(?!^[ \t>]*(?P=fence))[^\n]*+(?:\n|\Z(?<=[^\n])))*+)(?:^[ \t>]*(?P=fence)[^\n]*|\Z)",
    re.MULTILINE,
)
_INLINE_CODE: Final = defer_pattern(
    r"(?<!`)(`{1,2})(?!`)([^`\n]{4,500})\1(?!`)"
    r"|^(?: {4}|\t)[ \t]{0,20}(\S[^\n]{3,500})$",  # an indented block
    re.IGNORECASE | re.MULTILINE,
)
# Languages of data, and of programs that are no commands. A block in any other may be one for a shell.
_OTHER_LANGUAGES: Final = frozenset(
    {"json", "jsonc", "json5", "jsonl", "xml", "html", "css", "svg", "csv", "tsv", "diff", "patch", "toml", "latex",
     "tex", "math", "mermaid", "dot", "graphviz", "plantuml", "bibtex", "bib", "c", "cpp", "c++", "cuda", "h",
     "java", "kotlin", "scala", "swift", "go", "golang", "rust", "rs", "javascript", "js", "jsx", "typescript", "ts",
     "tsx", "vue", "r", "julia", "matlab", "ruby", "rb", "php", "perl", "lua", "haskell", "sql", "graphql", "proto",
     "protobuf", "csharp", "cs", "fsharp", "dart", "zig", "fortran", "assembly", "asm", "regex", "http", "md",
     "markdown", "rst", "jinja", "jinja2", "gbnf", "ebnf", "solidity", "pycon", "traceback"}
)  # fmt: skip
# What a command between backticks has that is worth an analysis: a pipe, a substitution or a device.
_INLINE_MARK: Final = defer_pattern(r"[|`]|<\(|\$\(|/dev/|&&|;|\b(?:(?:ba|da|z)?sh|source|python3?)[ \t]|\./")
_WINDOWS_MARK: Final = defer_pattern(
    r"powershell|pwsh|\b(?:iex|iwr|irm)\b|invoke-|certutil|bitsadmin|\.(?:exe|bat|ps1)\b", re.IGNORECASE
)
# Of a notebook, the lines behind this mark are shell commands.
_NOTEBOOK_LANGUAGES: Final = frozenset({"python", "py", "python3", "ipython"})
_NOTEBOOK_LINE: Final = defer_pattern(r"^[ \t>]*(?:!|(?!!).*$)", re.MULTILINE)
# A prompt such as ``$``, ``user@host:~$``, ``[user@host ~]$``, ``(base) $`` or an arrow, behind a mark of a list.
_PROMPT: Final = defer_pattern(
    r"^[ \t>]*(?:[-*+][ \t]+(?=[\w$(\[]))?(?:(?:\([\w.-]{1,40}\)[ \t]*)?(?:\[[^\]\n]{1,60}\]|[\w.@:~/-]{0,60})"
    r"(?:[ \t][~/][\w./~-]{0,60})?[ \t]?[$#%\u276f\u279c\u00bb][ \t]+)?",
    re.MULTILINE,
)
# Actions of a command that harm whoever follows the instructions; further ones are common in documents.
_HARMFUL_USES: Final = frozenset(
    {"download-and-run", "download-then-run", "decode-and-run", "reverse-shell", "send-private", "destroy", "disarm",
     "persistence", "host-root"}
)  # fmt: skip

# Where a command of a paragraph begins: behind a prompt or a mark of a list, with a program that fetches or runs.
_COMMAND_PARAGRAPH: Final = defer_pattern(
    r"^[ \t>]{0,40}(?:[-*+$][ \t]+){0,2}(?:sudo[ \t]+)?(?:curl|wget|aria2c|fetch|(?:ba|da|z)?sh|source|eval|python3?"
    r"|powershell|pwsh|iwr|irm|iex|base64|nc|ncat|git[ \t]+clone)[ \t][^\n]*(?:\n[ \t>]*\S[^\n]*)*",
    re.MULTILINE | re.IGNORECASE,
)
_CODE_ELEMENT: Final = defer_pattern(r"<(pre|code)\b[^>]{0,200}>", re.IGNORECASE)
# They are found in any case without a copy of the text in lower case, which takes several times its memory.
_CLOSING_TAGS: Final = {name: defer_pattern(f"</{name}", re.IGNORECASE) for name in ("pre", "code")}
_TAG: Final = defer_pattern(r"</?[A-Za-z][^<>]{0,500}>")
_LONGEST_ELEMENT: Final = 4_000  # characters of code between tags
# Without one of these, a block of Python runs nothing that it fetches.
_PYTHON_MARK: Final = defer_pattern(r"\b(?:exec|eval|system|popen|subprocess|socket|compile|__import__)\b")
# What a use or a text in a block of Python shows, in the words for commands.
_EFFECTS: Final = {
    uses.OF_DOWNLOAD: "download-and-run", uses.OF_DECODED: "decode-and-run", uses.REMOTE_SHELL: "reverse-shell",
    uses.SENDS_SECRET: "send-private", "(download | shell)": "download-and-run",
    "(shell $(download))": "download-and-run", "(download && run)": "download-then-run",
    "(shell over /dev/tcp)": "reverse-shell", "(netcat shell)": "reverse-shell", "(decoded | shell)": "decode-and-run",
    "(encoded powershell)": "decode-and-run", "(powershell download)": "download-and-run",
}  # fmt: skip
_PROSE_ENDINGS: Final = (".rst", ".rest", ".adoc", ".asciidoc", ".org", ".textile", ".wiki", ".html", ".htm")
_PROSE_NAME: Final = defer_pattern(
    r"(?:readme|install\w*|usage|setup|instructions?|how[_-]?to|getting[_-]?started|quick[_-]?start|guide|tutorial|start"
    r"|docs?|documentation)(?:[_-][\w-]*)?(?:\.txt)?"
)


class PythonBlock(str):
    """The text of a block of Python."""

    __slots__ = ()


def read_instructions(text: str, format_name: str, key: str | None = None) -> Iterator[Reading]:
    """Yield the harmful commands that a document tells users to run, and references to the files that they run.

    Args:
        text: of the document, or of a part of one.
        format_name: of the outline that holds the commands.
        key: names the part, such as a cell of a notebook, from whose first line the lines count.

    Raises:
        LimitReachedError: behind these, if the commands are longer than are analysed, or reached another bound.
    """
    mentions: dict[Mention, None] = {}
    actions: dict[Mention, None] = {}
    references: dict[Reference, None] = {}
    reached_limit: LimitReachedError | None = None
    blocks: list[tuple[int, str]] = []
    characters_left = _MOST_BLOCK_CHARACTERS
    for line, commands in list_command_texts(text):
        characters_left -= len(commands) + _CHARACTERS_OF_BLOCK
        if characters_left < 0:
            detail = f"only the first {_MOST_BLOCK_CHARACTERS} characters of commands were analysed"
            reached_limit = LimitReachedError(detail)
            break
        try:
            if isinstance(commands, PythonBlock):
                mentions.update(dict.fromkeys(_analyze_python_block(commands, line)))
                continue
            blocks.append((line, commands))
            _read_block(commands, line, actions, references)
        except LimitReachedError as error:
            reached_limit = error
    try:
        for action in _join_blocks(blocks, actions):
            actions[action] = None
    except LimitReachedError as error:
        reached_limit = error
    mentions.update(dict.fromkeys(_judge_actions(actions)))
    if mentions:
        yield Outline(format_name, tuple(replace(each, where=replace(each.where, key=key)) for each in mentions))
    yield from chain(
        build_references(RUN_FILE, references, len(references)),
        build_references(DOCUMENTED_PROGRAM, find_documented_programs(text), MOST_PROGRAMS),
    )
    if reached_limit is not None:
        raise reached_limit


def _read_block(commands: str, line: int, actions: dict[Mention, None], references: dict[Reference, None]) -> None:
    """Add the actions of commands that begin at a line, and references to the files that they execute.

    Raises:
        LimitReachedError: the commands reached a bound on their analysis.
    """
    from modelaudit.languages.shell.parsed_texts import ParsedTexts

    texts = ParsedTexts()
    actions.update(dict.fromkeys(_collect_actions(commands, line, texts)))
    references.update(dict.fromkeys(_refer_to_run_files(commands, line, texts)))


def _join_blocks(blocks: Sequence[tuple[int, str]], actions: Mapping[Mention, object]) -> Iterator[Mention]:
    """Yield the actions of all commands together that those of one block, the ``actions``, do not show.

    Raises:
        LimitReachedError: the commands reached a bound on their analysis.
    """
    if not blocks:
        return
    from modelaudit.languages.shell.joined_commands import JoinedCommands, PlacedText

    ordered = sorted(blocks, key=lambda block: block[0])
    texts = [PlacedText(commands, Location(line=line), counts_lines=True) for line, commands in ordered]
    yield from JoinedCommands(texts).collect_mentions(actions)


def _refer_to_run_files(commands: str, line: int, texts: ParsedTexts) -> Iterator[Reference]:
    """Yield references to the files that commands execute; ``texts`` keeps what is parsed."""
    from modelaudit.languages.shell.executed_files import EXECUTED, find_executed_files

    for each in find_executed_files(commands, texts):
        if each.named_by == EXECUTED:
            where = Location(line=line + (each.where.line or 1) - 1)
            yield replace(each, named_by=_INSTRUCTED, where=where)


def _collect_actions(commands: str, line: int, texts: ParsedTexts) -> Iterator[Mention]:
    """Yield the actions of commands that begin at a line; ``texts`` keeps what is parsed."""
    from modelaudit.languages.shell.script import collect_script_mentions

    windows_mentions = collect_windows_mentions(commands) if _WINDOWS_MARK.search(commands) else iter(())
    located = (replace(each, where=Location(line=line + (each.where.line or 1) - 1)) for each in windows_mentions)
    yield from chain(collect_script_mentions(commands, line, texts), located)


def _judge_actions(actions: Iterable[Mention]) -> Iterator[Mention]:
    """Yield a mention of each harmful action as an instruction, and that of each package index."""
    for action in actions:
        is_index = action.vocabulary == REQUIREMENTS and action.use in _INDEX_USES
        is_unprotected = action.vocabulary == REQUIREMENTS and action.use == "plain-text"
        if is_index:
            yield replace(action, use="suggested-index")
        elif is_unprotected or (action.vocabulary == VOCABULARY and action.use in _HARMFUL_USES):
            yield replace(action, vocabulary=VOCABULARY, use="instruction", detail=action.use)


def list_command_texts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line, from 1, and the text of each part that may hold commands; of Python, a ``PythonBlock``."""
    line, counted = 1, 0
    prose: list[str] = []  # between the blocks, with the lines of the blocks left empty
    end = 0
    for block in _FENCED_BLOCK.finditer(text):
        prose += (text[end : block.start()], "\n" * block[0].count("\n"))
        end = block.end()
        line += text.count("\n", counted, block.start("text"))
        counted = block.start("text")
        yield from ((line, commands) for commands in _select_commands(block["language"].lower(), block["text"]))
    text = "".join((*prose, text[end:]))
    yield from _list_inline_commands(text)
    yield from _list_code_elements(text)
    yield from _list_command_paragraphs(text)


def _select_commands(language: str, text: str) -> Iterator[str]:
    """Yield what may be commands in a block of a language."""
    if language in _NOTEBOOK_LANGUAGES:
        if "!" in text:
            yield _NOTEBOOK_LINE.sub("", text)
        if _PYTHON_MARK.search(text):
            yield PythonBlock(text)
    elif language not in _OTHER_LANGUAGES:
        yield _PROMPT.sub("", text)


def _list_inline_commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each code between backticks, and of each indented line."""
    line, counted = 1, 0
    for code in _INLINE_CODE.finditer(text):
        line += text.count("\n", counted, code.start())
        counted = code.start()
        commands = html.unescape(code[2] or code[3])
        if _INLINE_MARK.search(commands):
            yield line, _PROMPT.sub("", commands)


def _list_code_elements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each element of HTML for code, without the tags in it."""
    line, counted, end = 1, 0, 0
    for element in _CODE_ELEMENT.finditer(text):
        if element.start() < end:
            continue  # ``<pre><code>`` is one
        latest_end = element.end() + _LONGEST_ELEMENT
        closing = _CLOSING_TAGS[element[1].lower()].search(text, element.end(), latest_end)
        end = closing.start() if closing is not None else latest_end
        line += text.count("\n", counted, element.end())
        counted = element.end()
        commands = html.unescape(_TAG.sub("", text[element.end() : end]))
        if _INLINE_MARK.search(commands):
            yield line, _PROMPT.sub("", commands)


def _list_command_paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each paragraph from the line on that begins like a command."""
    line, counted = 1, 0
    for paragraph in _COMMAND_PARAGRAPH.finditer(text):
        line += text.count("\n", counted, paragraph.start())
        counted = paragraph.start()
        if _INLINE_MARK.search(paragraph[0]):
            yield line, _PROMPT.sub("", html.unescape(paragraph[0]))


def _analyze_python_block(program: str, line: int) -> Iterator[Mention]:
    """Yield one instruction for each effect of a block of Python that harms whoever runs it."""
    from modelaudit.languages.python.analysis import analyze_source

    for mention in analyze_source(program).mentions:
        effect = _EFFECTS.get(mention.use) or _EFFECTS.get(mention.name)
        if effect is not None:
            where = Location(line=line + (mention.where.line or 1) - 1)
            yield Mention(VOCABULARY, "instruction", mention.name, where, effect)


def _recognises(head: Head) -> bool:
    """Whether this is prose or a page that may tell users what to run; Markdown has a reader of its own."""
    name = get_file_name(head.path)
    is_prose = name.endswith(_PROSE_ENDINGS) or _PROSE_NAME.fullmatch(name) is not None
    return is_prose and looks_like_text(head)


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the harmful commands of a document, and references to the files that they run.

    Raises:
        LimitReachedError: behind these, if a bound on the analysis was reached.
        WindowError: the window could not return the requested bytes.
    """
    text = decode_loosely(window.read(0, min(window.size, _MOST_CHARACTERS, limits.document_bytes)))
    yield from read_instructions(text.replace("\r\n", "\n"), "text")


INSTRUCTIONS: Final = Reader("text", _recognises, _read)
"""Searches prose, in addition to the reader of its format; therefore it is not one of ``READERS``."""
