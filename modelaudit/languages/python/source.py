"""Parse Python source: within bounds, and statement by statement if it breaks.

``ast.parse`` builds a tree and runs nothing. It has no bound on nesting but the stack of the process, so that each text
is measured before it is parsed. If a source does not parse as a whole, each statement of the module is parsed by
itself: one broken line must not hide the others.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from modelaudit.languages.python.private_names import has_private_names, spell_private_names
from modelaudit.languages.python.source_encoding import MAX_SCANNED
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

_MAX_PARSED_AT_ONCE: Final = 1 << 20
"""The most characters that are parsed as one; of a longer source each statement is parsed by itself."""

# In characters: of one statement, and of the statements that are parsed.
_MAX_STATEMENT: Final = 2 << 20
_MAX_EVALUATED: Final = 2 << 20
# The bounds of one text for ``ast.parse``, whose recursion ends the process if it goes too deep.
_MAX_BRACKET_DEPTH: Final = 90
_MAX_OPERATORS: Final = 800
_MAX_BRANCHES: Final = 600
MAX_TREE_TOKENS: Final = 150_000
"""The most tokens of the trees that are in memory at once: a token takes 400 to 900 bytes of a tree."""
# Up to Python 3.11, ``ast.parse`` reads an f-string from its start for each field. This bounds fields times characters.
_MAX_FIELD_WORK: Final = 1 << 27
_F_STRING_PREFIXES: Final = frozenset({"f", "fr", "rf"})
_DEFINITION: Final = defer_pattern(r"\b(?:def|lambda|class)\b")
# The tokens that decide where statements end and how deep they nest. In the order of the lines below: strings with
# three quotes; strings with one, and comments; brackets, separators and line ends; operators; ``elif``, words and
# spaces. A string that is never closed runs to the end of its line, or of the text if it has three quotes. All
# repetitions are possessive, so that matching takes linear time.
_TOKEN: Final = defer_pattern(
    r'''"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\\?\Z)|\'\'\'(?:[^'\\]++|\\.|'(?!''))*+(?:\'\'\'|\\?\Z)'''
    r"""|"(?:[^"\\\n]++|\\.)*+(?:"|(?=\n)|\\?\Z)|'(?:[^'\\\n]++|\\.)*+(?:'|(?=\n)|\\?\Z)|\#[^\n]*+"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<comma>[,;])|(?P<line>\n)|(?P<join>\\\r?\n)"""
    r"""|(?P<op>[-+*/%@&|^~<>=.:!]++|\b(?:not|and|or|in|is|if|else|lambda|await|for|async|yield|from)\b)"""
    r"""|(?P<branch>\belif\b)|\w++|[^\S\n]++|[^\n]""",
    re.DOTALL,
)
# Text in the first column that belongs to the statement above: a branch such as ``else:``, or a closing bracket.
_CONTINUES_STATEMENT: Final = defer_pattern(r"(?:else|elif|except|finally)\b|[)\]}]")
# The first column of ``import os``, of ``@decorator``, of a call ``a.b(`` or of an assignment ``name =``.
_BEGINS_STATEMENT: Final = defer_pattern(
    r"^(?=(?:[ \t\f]*\f)?(?:(?:import|from|def|class|async|if|try|for|while|with|exec|print)\b|@|"
    r"\w+(?:\.\w+)*\s*[=(]))",
    re.M,
)
# A form feed begins the line anew: the first column is the one behind it.
_BEFORE_FORM_FEED: Final = defer_pattern(r"(?:[ \t\f]*\f)?")
_STATEMENT_CHARACTER: Final = defer_pattern(r"[^\s#]")


class SourcePiece(Struct, frozen=True):
    """Statements that were parsed together, or text that was not parsed.

    Attributes:
        line: of the first character, from 1.
        fault: why it was not parsed; empty otherwise.
        is_limit: whether the reason is a bound of this scanner, and not the syntax.
    """

    text: str
    line: int
    body: tuple[ast.stmt, ...] = ()
    fault: str = ""
    is_limit: bool = False


def find_parser_obstacle(text: str, max_tokens: int = MAX_TREE_TOKENS) -> str:
    """Return why a text must not be given to ``ast.parse``, which has no bounds of its own; empty if it may be."""
    if has_more_tokens(text, max_tokens):
        return f"more than {max_tokens} tokens to parse at once"
    if _exceeds_field_work(text):
        return "f-strings with more fields than are parsed"
    return _find_nesting_obstacle(text)


def _find_nesting_obstacle(text: str) -> str:
    """Return why a text nests too deep for ``ast.parse``, by the tokens that can nest; empty if it does not."""
    # One counter for each open bracket: operators are counted between separators of the same bracket, because only a
    # chain of them nests in the tree.
    operator_counts = [0]
    branches = 0
    for token in iterate_within_deadline(_TOKEN.finditer(text), 4096):
        kind = token.lastgroup
        if kind in ("op", "open"):
            operator_counts[-1] += 1
            if operator_counts[-1] > _MAX_OPERATORS:
                return f"an expression of more than {_MAX_OPERATORS} operators"
        if kind == "open":
            operator_counts.append(0)
            if len(operator_counts) > _MAX_BRACKET_DEPTH:
                return f"brackets nest deeper than {_MAX_BRACKET_DEPTH}"
        elif kind == "close" and len(operator_counts) > 1:
            operator_counts.pop()
        # A line that ends outside of all brackets ends the statement.
        elif kind == "comma" or (kind == "line" and len(operator_counts) == 1):
            operator_counts[-1] = 0
        elif kind == "branch":
            # Each ``elif`` nests one level deeper in the tree.
            branches += 1
            if branches > _MAX_BRANCHES:
                return f"more than {_MAX_BRANCHES} branches"
    return ""


def _exceeds_field_work(text: str) -> bool:
    """Whether the f-strings of a text have too many fields for their lengths, see ``_MAX_FIELD_WORK``."""
    # Most texts are too short for that, whatever is in them.
    if text.count("{") * len(text) <= _MAX_FIELD_WORK:
        return False
    field_work = 0
    previous = ""
    for token in iterate_within_deadline(_TOKEN.finditer(text), 4096):
        if previous in _F_STRING_PREFIXES and token[0][0] in "\"'":
            field_work += token[0].count("{") * len(token[0])
        # The prefix of a string is a token of its own, of one or two letters.
        previous = token[0].lower() if token.lastgroup is None and len(token[0]) <= 2 else ""
    return field_work > _MAX_FIELD_WORK


def fits_at_once(text: str) -> bool:
    """Whether the trees of all statements of a source may be in memory at once."""
    return len(text) <= _MAX_PARSED_AT_ONCE and not has_more_tokens(text, MAX_TREE_TOKENS)


def has_more_tokens(text: str, most: int) -> bool:
    """Whether a text has more than ``most`` tokens, white space left out."""
    # A token has at least a character, so that the tokens of a short text need not be counted.
    if len(text) <= most:
        return False
    tokens_beyond = islice(_iterate_tokens(text), max(0, most), None)
    return next(tokens_beyond, None) is not None


def _iterate_tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a text without white space; line ends are tokens."""
    for token in iterate_within_deadline(_TOKEN.finditer(text), 4096):
        if token.lastgroup is not None or not token[0].isspace():
            yield token


def parse_code_text(text: str) -> list[ast.stmt] | None:
    """Parse a text that a call runs as code; ``None`` if it does not parse within the bounds."""
    if len(text) > _MAX_PARSED_AT_ONCE or find_parser_obstacle(text):
        return None
    body, _ = _parse_bounded(text)
    return None if body is None else list(body)


def split_source(text: str) -> Iterator[SourcePiece]:
    """Yield all of a source, in order: as one piece if it parses, otherwise each statement of the module by itself."""
    is_cut = len(text) > MAX_SCANNED
    text = text[:MAX_SCANNED].replace("\r\n", "\n").replace("\r", "\n")
    if len(text) <= _MAX_PARSED_AT_ONCE and not find_parser_obstacle(text):
        body, _ = _parse_bounded(text)
        if body is not None:
            yield SourcePiece(text, 1, body)
            return
    if is_cut:
        yield SourcePiece("", 1, fault=f"only the first {MAX_SCANNED} characters are searched", is_limit=True)
    taken_characters = 0
    kept_tokens = 0  # of the trees that stay in memory
    for line, statement in _split_statements(text):
        if taken_characters > _MAX_EVALUATED:
            fault = f"only the first {_MAX_EVALUATED} characters are analysed"
            yield SourcePiece(text[taken_characters:], line, fault=fault, is_limit=True)
            return
        taken_characters += len(statement)
        piece = _parse_statement(statement, line, MAX_TREE_TOKENS - kept_tokens)
        # The evaluator keeps the trees of definitions, since later statements may call them.
        if piece.body and _DEFINITION.search(statement):
            kept_tokens += sum(1 for _ in _iterate_tokens(statement))
        # A statement with a syntax error is cut into parts, so that fewer lines are lost.
        if piece.fault and not piece.is_limit:
            yield from _parse_fragments(piece, MAX_TREE_TOKENS - kept_tokens)
        else:
            yield piece


def _parse_fragments(piece: SourcePiece, max_tokens: int) -> Iterator[SourcePiece]:
    """Parse the parts of a broken statement, cut where lines begin like statements of the module.

    All parts together have at most ``max_tokens`` tokens, because the statement as a whole was measured before.
    """
    line, start = piece.line, 0
    for match in (*_BEGINS_STATEMENT.finditer(piece.text), None):
        end = match.start() if match is not None else len(piece.text)
        part = piece.text[start:end]
        if part.strip():
            yield _parse_statement(part, line, max_tokens)
        line += part.count("\n")
        start = end


def _parse_statement(text: str, line: int, max_tokens: int) -> SourcePiece:
    """Parse one statement of the module if it has at most ``max_tokens`` tokens.

    If that fails, the piece that is returned has no body, and its ``fault`` is the reason.
    """
    if len(text) > _MAX_STATEMENT:
        return SourcePiece(text, line, fault=f"a statement of more than {_MAX_STATEMENT} characters", is_limit=True)
    obstacle = find_parser_obstacle(text, max_tokens)
    if obstacle:
        return SourcePiece(text, line, fault=obstacle, is_limit=True)
    body, fault = _parse_bounded(text)
    if body is None:
        return SourcePiece(text, line, fault=fault)
    return SourcePiece(text, line, body)


def _parse_bounded(text: str) -> tuple[tuple[ast.stmt, ...] | None, str]:
    """Parse a text that ``find_parser_obstacle`` has passed; return its statements, or ``None`` and the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = tuple(ast.parse(text, type_comments=False).body)
        if has_private_names(text):
            spell_private_names(body)
        return body, ""
    except SyntaxError as error:
        return None, str(error.msg)
    except ValueError as error:
        return None, str(error)
    except (RecursionError, MemoryError):  # raised when the stack of the parser is full
        return None, "it nests deeper than the parser can follow"


def _split_statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each statement of a module; decorators and branches belong to their statement."""
    bracket_depth = 0
    start, start_line = 0, 1  # of the statement
    line = 1
    is_decorated = False
    for token in iterate_within_deadline(_TOKEN.finditer(text), 4096):
        kind = token.lastgroup
        if kind == "open":
            bracket_depth += 1
        elif kind == "close":
            bracket_depth = max(0, bracket_depth - 1)
        ends_line = kind == "line" and not bracket_depth
        line += token[0].count("\n")
        if not ends_line:
            continue
        next_line = token.end()
        first_column = _get_first_column(text, next_line)
        # A statement ends where the next line begins in the first column, and does not go on with the one before.
        if _STATEMENT_CHARACTER.match(text, first_column) and not _CONTINUES_STATEMENT.match(text, first_column):
            # A decorator and the definition below it are one statement.
            if not is_decorated:
                yield start_line, text[start:next_line]
                start, start_line = next_line, line
            is_decorated = text[first_column] == "@"
    if start < len(text):
        yield start_line, text[start:]


def _get_first_column(text: str, start: int) -> int:
    """Return where the first column of a line is, whose first character is at ``start``."""
    before = _BEFORE_FORM_FEED.match(text, start)
    return start if before is None else before.end()
