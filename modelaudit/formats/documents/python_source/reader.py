"""Read Python source files, recognized by their names or their first line.

The reader decodes the file, has it analysed (``languages.python``), and yields the uses of names, references to the
files that it imports, and an absence for each part that could not be evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import IncrementalNewlineDecoder
from itertools import chain
from typing import Final

from modelaudit.formats.documents.python_source import ENDINGS
from modelaudit.languages.python import uses
from modelaudit.languages.python.analysis import SourceAnalysis, analyze_source
from modelaudit.languages.python.source_encoding import DecodedSource, decode_source
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.documents import check_size, claim_text
from modelaudit.wire.text import get_file_name, looks_like_text

# SCons, Waf, servers of web applications and Twisted run Python under names of their own.
_STARTUP_FILES: Final = ("sitecustomize.py", "usercustomize.py")
_SHEBANG: Final = defer_pattern(rb"#![^\n]{0,100}\b(?:python[0-9.]*|(?:uv|pipx)[ \t]+run)\b")
_VISIBLE_CHARACTER: Final = defer_pattern(r"\S")
_IMPORTS: Final = ("import ", "import\t")
_MAX_REFERENCES: Final = 2_000


def recognises(head: Head) -> bool:
    """Whether the name is that of Python source, whatever the bytes are, or text begins with a shebang for Python.

    Python imports a file by its name, too.
    """
    if head.content is not None or not head.data:
        return False
    name = get_file_name(head.path)
    if name.endswith(ENDINGS):
        return True
    if not looks_like_text(head):
        return False
    return name.endswith(".pth") or _SHEBANG.match(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the uses of names, references to imported files, and the parts that could not be evaluated.

    Raises:
        WindowError: the file is over ``document_bytes``, or the window could not return the requested bytes.
    """
    check_size(window, limits)
    is_path_file = get_file_name(artifact.path).endswith(".pth")
    source = decode_source(window, _keep_import_lines) if is_path_file else decode_source(window)
    analysis = analyze_source(source.text, source.encoding)
    first_character = _VISIBLE_CHARACTER.search(source.text)
    if get_file_name(artifact.path).endswith((".pth", *_STARTUP_FILES)) and first_character:
        # Python runs these files when it starts, so any code in them is worth a mention.
        where = Location(line=source.text.count("\n", 0, first_character.start()) + 1)
        startup = Mention(uses.VOCABULARY, uses.TEXT, "(start-up of Python)", where, get_file_name(artifact.path))
        analysis.mentions = (*analysis.mentions, startup)
    yield from _report_analysis(analysis)
    yield from _report_cut(source)
    # Only the bytes that are text belong to the source. Other content, after it or in a comment, stays without a claim
    # and causes no error. The claims come last, because reading the window again can reach the deadline.
    with suppress(DamagedError):
        claim_text(window, limits)


def _keep_import_lines(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a path file that Python executes, and an empty line for each other one, in pieces.

    At start-up site.py executes the lines that begin with ``import``, and adds the others to the search path. Lines
    behind any amount of other text count.
    """
    newlines = IncrementalNewlineDecoder(None, translate=True)  # keeps a return at the end of a piece for the next one
    start, yielded = "", 0  # of the line whose end has not arrived, and how many characters of it were yielded
    for piece in map(newlines.decode, chain(pieces, ("\n",))):
        # The mark makes an empty last line a line as well.
        *lines, marked_line = f"{start}{piece}#".splitlines()
        last_line = marked_line[:-1]
        is_executed = last_line.startswith(_IMPORTS)
        kept = "".join(f"{line}\n" if line.startswith(_IMPORTS) else "\n" for line in lines)
        yield f"{kept}{last_line if is_executed else ''}"[yielded:]
        start = last_line[: len(_IMPORTS[0])]
        yielded = len(start) if is_executed else 0


def read_program(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what ``read`` yields for text under any name that Python runs, and nothing if it is not Python.

    Python runs nothing of a text that does not parse.

    Raises:
        WindowError: the file is over ``document_bytes``, or the window could not return the requested bytes.
    """
    check_size(window, limits)
    source = decode_source(window)
    analysis = analyze_source(source.text, source.encoding)
    if not analysis.damage:
        yield from _report_analysis(analysis)
        yield from _report_cut(source)


def _report_cut(source: DecodedSource) -> Iterator[Unread]:
    """Yield an absence if the source is longer than is searched."""
    if source.cut_after is not None:
        yield Unread(UnreadReason.LIMIT, f"only the first {source.cut_after} characters are searched")


def _report_analysis(analysis: SourceAnalysis) -> Iterator[Reading]:
    """Yield the mentions of one analysis, references to the imported files beside it, and its absences."""
    yield Outline("python", analysis.mentions, analysis.facts)
    # Level 1 is ``from .name import``: the module is in the same folder.
    references = (
        Reference(ReferenceKind.CODE, f"{name.replace('.', '/')}.py", "import", where=Location(line=line))
        for (level, name), line in analysis.relative_imports.items()
        if level == 1 and name
    )
    yield from build_references("python", references, _MAX_REFERENCES)
    for line, fault in analysis.damage:
        detail = f"line {line} does not parse as Python ({fault}); only the names in it were checked"
        yield Unread(UnreadReason.DAMAGED, detail, Location(line=line))
    for line, fault in analysis.bounds:
        yield Unread(
            UnreadReason.LIMIT, f"line {line}: {fault}; the analysis of this source is incomplete", Location(line=line)
        )
