"""Read Markdown: its front matter, which in a README is that of a model card, and the commands that it shows.

The front matter is a block of YAML between two lines of dashes at the beginning of the file. Commands are in fenced
blocks without a language or in that of a shell, and between backticks or tags of HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Final

from modelaudit.languages.card import parse_card, split_front_matter
from modelaudit.languages.programs import report_unread_programs
from modelaudit.languages.shell.executed_files import EXECUTED, find_executed_files
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.script import VOCABULARY, collect_script_mentions
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import RUN_FILE, Mention, Outline, Reference, References
from modelaudit.model.structure import Document, Location, ModelCard
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading, ReadingStep
from modelaudit.wire.documents import check_text
from modelaudit.wire.requirement_lines import VOCABULARY as REQUIREMENTS
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.yaml_text import YamlFacts

_EXTENSIONS = (".md", ".markdown", ".mdx")
_CARD_NAME = "readme.md"
_MOST_CHARACTERS: Final = 2 * MIB
_MOST_BLOCK_CHARACTERS: Final = 400_000  # of all commands of a document together
_CHARACTERS_OF_BLOCK: Final = 100  # to which the analysis of an empty block corresponds
_INSTRUCTED: Final = "instructed"
"""The kind of a file that a document tells users to run."""
_FENCED_BLOCK: Final = re.compile(
    r"^[ \t>]*+(?P<fence>`{3,}+|~{3,}+)[ \t]*+\{?\.?(?P<language>[\w+-]*+)[^\n`]*+\n"
    r"(?P<text>(?:(?!^[ \t>]*(?P=fence))[^\n]*+(?:\n|\Z(?<=[^\n])))*+)(?:^[ \t>]*(?P=fence)[^\n]*|\Z)",
    re.MULTILINE,
)
_INLINE_CODE: Final = re.compile(
    r"(?<!`)(`{1,2})(?!`)([^`\n]{4,500})\1(?!`)|<(?:code|pre)[^>]{0,100}>([^<]{4,2000})</"
    r"|^(?: {4}|\t)[ \t]{0,20}(\S[^\n]{3,500})$",  # an indented block
    re.IGNORECASE | re.MULTILINE,
)
_SHELL_LANGUAGES: Final = frozenset(
    {"", "sh", "bash", "shell", "zsh", "console", "shell-session", "sh-session", "shellsession", "terminal", "text",
     "txt", "commandline", "ini", "none", "plaintext", "plain", "fish", "dockerfile", "makefile"}
)  # fmt: skip
# What a command between backticks has that is worth an analysis: a pipe, a substitution or a device.
_INLINE_MARK: Final = re.compile(r"[|`]|<\(|\$\(|/dev/|&&|;|\b(?:(?:ba|da|z)?sh|source|python3?)[ \t]|\./")
_WINDOWS_LANGUAGES: Final = frozenset({"powershell", "ps1", "pwsh", "ps", "bat", "batch", "cmd"})
_WINDOWS_MARK: Final = re.compile(
    r"powershell|pwsh|\b(?:iex|iwr|irm)\b|invoke-|certutil|bitsadmin|\.(?:exe|bat|ps1)\b", re.IGNORECASE
)
# Of a notebook, the lines behind this mark are shell commands.
_NOTEBOOK_LANGUAGES: Final = frozenset({"python", "py", "python3", "ipython"})
_NOTEBOOK_LINE: Final = re.compile(r"^[ \t>]*(?:!|(?!!).*$)", re.MULTILINE)
_PROMPT: Final = re.compile(r"^[ \t>]*(?:[\w.@:~/-]{0,60}[$#%][ \t]+)?", re.MULTILINE)
# Actions of a command that harm whoever follows the instructions; further ones are common in documents.
_HARMFUL_USES: Final = frozenset(
    {"download-and-run", "download-then-run", "decode-and-run", "reverse-shell", "send-private", "destroy", "disarm",
     "persistence", "host-root"}
)  # fmt: skip


def recognises(head: Head) -> bool:
    """Whether this is text with a Markdown extension; the bytes do not differ from other text."""
    return get_file_name(head.path).endswith(_EXTENSIONS) and looks_like_text(head)


@report_unread_programs
def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document and, for ``README.md``, its model card, which has no fields if there is no front matter.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the file is over ``document_bytes``, or the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    matter = split_front_matter(text)
    facts = YamlFacts()
    if matter is not None and not matter.is_too_long:
        # ``parse_card`` fails at the same place and records the defect.
        with suppress(DamagedError):
            facts.scan((matter.text,), limits)
    # Lines of the facts count from the first line of the front matter, lines of the document from that of the file.
    lines_before = matter.first_line - 1 if matter is not None else 0
    tags = tuple((tag, line + lines_before) for tag, line in facts.tags.items())
    yield Document("markdown", "text", tuple(facts.keys), tags, text.scan.lines, text.defects)
    if get_file_name(artifact.path) == _CARD_NAME:
        yield parse_card(matter, limits) if matter is not None else ModelCard(())
    yield ReadingStep("search for instructions", lambda: _read_instructions(text.read_start(_MOST_CHARACTERS)))


def _read_instructions(text: str) -> Iterator[Reading]:
    """Yield the harmful commands that the document tells users to run, and references to the files that they run.

    Raises:
        LimitReachedError: behind these, if the commands are longer than are analysed, or reached another bound.
    """
    mentions: dict[Mention, None] = {}
    references: dict[Reference, None] = {}
    reached_limit: LimitReachedError | None = None
    characters_left = _MOST_BLOCK_CHARACTERS
    for line, commands in _list_command_texts(text):
        characters_left -= len(commands) + _CHARACTERS_OF_BLOCK
        try:
            if characters_left < 0:
                raise LimitReachedError(f"only the first {_MOST_BLOCK_CHARACTERS} characters of commands were analysed")
            texts = ParsedTexts()
            mentions.update(dict.fromkeys(_collect_instructions(commands, line, texts)))
            for each in find_executed_files(commands, texts):
                if each.named_by == EXECUTED:
                    where = Location(line=line + (each.where.line or 1) - 1)
                    references[replace(each, named_by=_INSTRUCTED, where=where)] = None
        except LimitReachedError as error:
            reached_limit = error
            if characters_left < 0:
                break
    if mentions:
        yield Outline("markdown", tuple(mentions))
    if references:
        yield References(RUN_FILE, tuple(references))
    if reached_limit is not None:
        raise reached_limit


def _collect_instructions(commands: str, line: int, texts: ParsedTexts) -> Iterator[Mention]:
    """Yield the harmful actions of commands, and the package indexes that they use; ``texts`` keeps what is parsed."""
    windows_mentions = collect_windows_mentions(commands) if _WINDOWS_MARK.search(commands) else iter(())
    located = (replace(each, where=Location(line=line + (each.where.line or 1) - 1)) for each in windows_mentions)
    for mention in chain(collect_script_mentions(commands, line, texts), located):
        is_index = mention.vocabulary == REQUIREMENTS and mention.use in ("index", "links")
        is_unprotected = mention.vocabulary == REQUIREMENTS and mention.use == "plain-text"
        if is_index:
            yield mention
        elif is_unprotected or (mention.vocabulary == VOCABULARY and mention.use in _HARMFUL_USES):
            yield replace(mention, vocabulary=VOCABULARY, use="instruction", detail=mention.use)


def _list_command_texts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line, from 1, and the text of each block and each inline code that may hold shell commands."""
    line, counted = 1, 0
    prose: list[str] = []  # between the blocks, with the lines of the blocks left empty
    end = 0
    for block in _FENCED_BLOCK.finditer(text):
        prose += (text[end : block.start()], "\n" * block[0].count("\n"))
        end = block.end()
        line += text.count("\n", counted, block.start("text"))
        counted = block.start("text")
        language = block["language"].lower()
        if language in _SHELL_LANGUAGES or language in _WINDOWS_LANGUAGES:
            yield line, _PROMPT.sub("", block["text"])
        elif language in _NOTEBOOK_LANGUAGES and "!" in block["text"]:
            yield line, _NOTEBOOK_LINE.sub("", block["text"])
    text = "".join((*prose, text[end:]))
    line, counted = 1, 0
    for code in _INLINE_CODE.finditer(text):
        line += text.count("\n", counted, code.start())
        counted = code.start()
        commands = html.unescape(code[2] or code[3] or code[4])
        if _INLINE_MARK.search(commands):
            yield line, _PROMPT.sub("", commands)
