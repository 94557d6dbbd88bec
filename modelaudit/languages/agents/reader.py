"""Search documents for hidden texts that instruct a model, and files for agents for risky instructions.

A hidden text counts if it instructs against the user, or if it addresses a model and holds a command. The prose of a
file for agents is read only in such files; a person has to read what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from modelaudit.languages.agents.files import is_agent_file
from modelaudit.languages.agents.hidden import COMMENT_OF_CODE, HiddenText, find_hidden_texts
from modelaudit.languages.agents.risks import FETCH_AND_RUN, Risk, find_gathered_secrets, find_risks
from modelaudit.languages.jinja.notable_text import find_notable_texts
from modelaudit.languages.python.attack_texts import find_attack_texts
from modelaudit.languages.shell.vocabulary import VOCABULARY as SHELL_COMMANDS
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.text import decode_loosely, looks_like_text

VOCABULARY: Final = "agent-texts"
_FORMAT: Final = "text"
_MOST_CHARACTERS: Final = 2 * MIB
_MOST_MENTIONS: Final = 50
_QUOTED: Final = 160
_ADDRESS: Final = defer_pattern(r"(?:https?|ftp)://[^\s)>\]\"'`]{3,300}")
_DOCUMENT: Final = defer_pattern(
    r".*\.(?:md|mdx|mdc|markdown|rst|txt|html?|adoc|org|prompt|prompty|svg|ipynb|ya?ml|toml|ini|cfg|sh|py)|.*(?:tool|mcp|function|plugin)[^/]*\.json|.*/mcp/.*\.json|.*/(?:readme|\.\w+rules)",
    re.IGNORECASE,
)
# A program that offers tools to agents: its docstrings and descriptions are what the agent reads of a tool.
_PROGRAMS: Final = (".py", ".ts", ".js", ".mjs")
_TOOL_PROGRAM: Final = defer_pattern(
    r"\bFastMCP\b|\bmcp\.server\b|@(?:[\w.]{1,60}\.)?tool\b|modelcontextprotocol|\b(?:StructuredTool|BaseTool|McpServer)\b"
)
_DESCRIPTION: Final = defer_pattern(
    r"(?P<quotes>\"{3}|'{3})(?P<text>[\s\S]{1,6000}?)(?P=quotes)"
    r"|\bdescription[\"']?\s{0,9}[=:]\s{0,9}\(?\s{0,40}[\"'](?P<line>[^\"\n]{12,6000})[\"']"
)
_MODEL: Final = (
    r"(?:AIs?|A\.I\.|LLMs?|language models?|(?:AI |coding |code |virtual )?(?:assistants?|agents?|chat\s?bots?)"
    r"|claude(?: code)?|copilot|chatgpt|gpt(?:-\d\w*)?|gemini|cursor|codex|windsurf|cline|devin)"
)
# "AI assistant: …", "Note to the agent that reads this", "if you are an LLM", "agents must …". A text about models is
# none of these.
_ADDRESSEE: Final = defer_pattern(
    rf"(?:^|[\n.!?:(\[<>*#-])\s*(?:\w+\s+){{0,3}}{_MODEL}\b\s*(?:[:,!\u2014]|-\s)"
    rf"|\b(?:to|for|dear|attention|hey|hello|you are|you're|as|if you are)\s+(?:an?\s+|the\s+|all\s+|any\s+|every\s+)?"
    rf"(?:\w+\s+)?{_MODEL}\b(?!\s+(?:demo|leaderboard|benchmark|training|fine))"
    rf"|\b{_MODEL}\s+(?:must|should|shall|please|needs? to|ha(?:s|ve) to|(?:is|are) (?:required|instructed|asked))\b",
    re.IGNORECASE,
)
# "Ignore the instructions of the user".
_OVERRIDE: Final = defer_pattern(
    r"\b(?:ignore|disregard|forget|override|bypass|discard)\s+(?:(?:all|any|the|your|every|of|my|its|previous|prior|above"
    r"|earlier|preceding|other|system|user'?s?|safety|original|current)\s+){1,5}(?:instructions?|prompts?|guidelines?"
    r"|directives?|polic(?:y|ies)|safeguards?)\b",
    re.IGNORECASE,
)
_COMMAND: Final = defer_pattern(
    r"\b(?:run|execute|install|download|fetch|call|invoke|open|use the tool)\b", re.IGNORECASE
)
_SILENCE: Final = defer_pattern(
    r"\b(?:do not|don't|never)\s+(?:ever\s+)?(?:mention|reveal|disclose|report)\s+(?:this|it)\b\s*(?:[.;!]|$)",
    re.IGNORECASE,
)
_PROGRAM: Final = defer_pattern(
    r"https?://|\b(?:curl|wget|bash|sh|powershell|python\d?|npx?|pip)\b|`[^`]+`", re.IGNORECASE
)
# Phrases of an attack, and those that only count if a model is addressed: people hide things from users, too.
_AGAINST_USER: Final = frozenset({"override-phrase", "private-data-phrase"})
_AGAINST_USER_IF_ADDRESSED: Final = frozenset({"conceal-phrase"})


def recognises(head: Head) -> bool:
    """Whether this is a document or a file for agents."""
    path = f"/{head.path}"
    return (_DOCUMENT.fullmatch(path) is not None or is_agent_file(head.path)) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the hidden instructions, and in a file for agents of the risky ones.

    Raises:
        LimitReachedError: behind it, if there are more than are kept, or the time for the artifact is over.
        WindowError: the window could not return the requested bytes.
    """
    text = decode_loosely(window.read(0, min(window.size, _MOST_CHARACTERS, limits.document_bytes)))
    text = text.replace("\r\n", "\n")
    mentions: dict[Mention, None] = {}
    reached: LimitReachedError | None = None
    try:
        for mention in _collect_mentions(artifact.path, text):
            mentions[mention] = None
            if len(mentions) > _MOST_MENTIONS:
                raise LimitReachedError(f"only the first {_MOST_MENTIONS} instructions to agents were kept")
    except LimitReachedError as error:
        reached = error
    if mentions:
        yield Outline(_FORMAT, tuple(mentions)[:_MOST_MENTIONS])
    if reached is not None:
        raise reached


def _collect_mentions(path: str, text: str) -> Iterator[Mention]:
    """Yield a mention of each hidden instruction, and in a file for agents of each risky one."""
    hidden_spans: list[range] = []
    for piece in find_hidden_texts(text, path):
        effect = _judge_hidden_text(piece)
        if effect or piece.is_invisible:
            # Of the other pieces, an agent reads the risky sentences as it reads those that a page shows.
            hidden_spans.append(range(piece.offset, piece.offset + len(piece.text)))
        if effect:
            yield _mention("hidden-instruction", piece.text, piece.means, text, piece.offset)
        elif piece.is_invisible:
            yield _mention("invisible-text", piece.text or "characters", piece.means, text, piece.offset)
    for start, prose in _list_prose(path, text):
        for risk in chain(find_risks(prose), find_gathered_secrets(prose)):
            placed = replace(risk, offset=start + risk.offset)
            if not any(placed.offset in span for span in hidden_spans):
                yield _mention_risk(placed, text)


def _list_prose(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset and the text of what agents read: a file for them, or the descriptions of tools in a program."""
    if is_agent_file(path):
        yield 0, text
    elif path.lower().endswith(_PROGRAMS) and _TOOL_PROGRAM.search(text):
        for match in _DESCRIPTION.finditer(text):
            group = "text" if match["text"] is not None else "line"
            yield match.start(group), match[group]


def _mention_risk(risk: Risk, text: str) -> Mention:
    """Return a mention of a risky instruction, with the sentence as its detail.

    That of a program to fetch and run is named after its address, as in a command, so that the list of official
    installers applies.
    """
    address = _ADDRESS.search(risk.sentence) if risk.use == FETCH_AND_RUN else None
    mention = _mention(risk.use, risk.sentence, "", text, risk.offset)
    mention = replace(mention, detail=mention.name)
    if address is None:
        return mention
    name = address[0].rstrip(".,;:")[:_QUOTED]
    return replace(mention, vocabulary=SHELL_COMMANDS, use="agent-instruction", name=name)


def _mention(use: str, quoted: str, detail: str, text: str, offset: int) -> Mention:
    """Return a mention with a quotation on one line."""
    where = Location(line=1 + text.count("\n", 0, offset))
    quoted = " ".join(quoted.split())
    return Mention(VOCABULARY, use, quoted[:_QUOTED] + ("…" if len(quoted) > _QUOTED else ""), where, detail)


def _judge_hidden_text(piece: HiddenText) -> str:
    """Return how a hidden text acts against the user; empty if it does not."""
    text = piece.text
    if _OVERRIDE.search(text):
        return "override"
    is_addressed = _ADDRESSEE.search(text) is not None
    phrases = _AGAINST_USER | _AGAINST_USER_IF_ADDRESSED if is_addressed else _AGAINST_USER
    use = next((notable.use for notable in find_notable_texts(text) if notable.use in phrases), "")
    if use:
        return use
    # People comment an installation out, or show it in another tab; that tells no reader to keep silent.
    may_fetch = is_addressed or _SILENCE.search(text) is not None
    risk = next((risk for risk in find_risks(text) if may_fetch or risk.use != FETCH_AND_RUN), None)
    if risk is not None:
        return risk.use
    if is_addressed:
        program = _ADDRESS if piece.means == COMMENT_OF_CODE else _PROGRAM
        is_command = _COMMAND.search(text) is not None and program.search(text) is not None
        if is_command or next(find_attack_texts(text), None) is not None:
            return "command"
    return ""


AGENT_TEXTS: Final = Reader(_FORMAT, recognises, read)
"""Searches documents, in addition to the reader of their format; therefore it is not one of ``READERS``."""
