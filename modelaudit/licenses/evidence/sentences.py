"""Split running text into sentences, and fold a sentence to the plain words that rules are written for."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.spelling import normalize_appearance

_PIECE_CHARACTERS, _PIECE_OVERLAP = 1500, 200
"""An endless sentence is searched in overlapping pieces of this length, which bounds the time of each pattern."""

# A block is a heading, or a line with the lines that continue it. The next line starts another block if it is blank or
# begins with a list mark, a table bar, an item number or a code fence, or if it is the last one and holds at most a
# colon.
_BLOCK = defer_pattern(r"[ \t]{0,3}#[^\n]*|[^\n]*(?:\n(?![ \t]*(?:\n|[-*+>#|]|\d{1,3}[.)][ \t]|```|~~~|:?$))[^\n]*)*")
# A sentence ends with a full stop or an exclamation mark before a space, or with a Chinese one anywhere. The full stop
# of an abbreviation before a further word ends none: "the U.S. Government", "e.g. weights", "No. 12".
_SENTENCE = defer_pattern(
    r"(?:[^.!\u3002\uff01]|[.!](?!\s|$)|(?:(?<=\b[A-Z]\.[A-Z])|(?<=\be\.g)|(?<=\bi\.e))\.(?=\s+\w)"
    r"|(?<=\b[Nn]o)\.(?=\s+\d))+[.!\u3002\uff01]*"
)
_FENCE = defer_pattern(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
# Code in a line between fences, up to its comment; and the words of a conversation or a prompt.
_CODE = defer_pattern(r"^[^#\n]*?(?:\w\(|\w\s?=)(?:(?!\s(?:#|//)\s)[^\n])*", re.MULTILINE)
_SPOKEN = defer_pattern(
    r"^\W{0,8}(?:user|human|assistant|bot|system|prompts?|instructions?|questions?|answer|(?:in|out)put|q|a|>{3})\b.{0,9}?[:=]",
    re.IGNORECASE | re.MULTILINE,
)
_LICENSE_WORD = defer_pattern(r"licen[cs]|许可|許可", re.IGNORECASE)
_TAG = defer_pattern(r"<!--|-->|</?(?!https?:)[a-z][^<>]{0,300}>", re.IGNORECASE)
_MARKED = defer_pattern(r"[&<*_`~#|>]")
_MARKS = defer_pattern(r"[*_`~#|>]+")
_SOFT_HYPHEN = "\u00ad"
# "n o n - c o m m e r c i a l": three or more single letters with one space between them.
_LETTER_SPACED = defer_pattern(r"(?<!\S)[\w-](?: [\w-]){2,}(?!\S)")
# A negation without its apostrophe: "dont", "cant".
_BARE_NEGATION = defer_pattern(r"\b(do|does|did|is|are|was|must|should|would|ca|wo)nt\b")
_SENTENCE_STOP = defer_pattern(r"[.!?:;\u3002\uff01\uff1f][\s*_\"')\]]*\Z")


def fold_sentence(raw: str) -> str:
    """Lower a sentence, unify hyphens, spaces and negations, and drop markup, invisible letters and gaps in words."""
    # Most sentences are plain ASCII, and need none of what is slow.
    if raw.isascii() and not _MARKED.search(raw) and not _LETTER_SPACED.search(raw):
        return _spell_negations(" ".join(raw.lower().split()))
    # A soft hyphen is visible only at the end of a line, so the word is spelled without it.
    text = _TAG.sub(" ", html.unescape(raw)).replace(_SOFT_HYPHEN, "")
    text = _LETTER_SPACED.sub(lambda letters: letters[0].replace(" ", ""), _MARKS.sub(" ", text))
    return _spell_negations(" ".join(normalize_appearance(text).split()))


def _spell_negations(folded: str) -> str:
    """Spell negations such as "dont" with their apostrophe."""
    return _BARE_NEGATION.sub(r"\1n't", folded) if "nt" in folded else folded


def iter_continued_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, sentence) for each sentence, and behind those that blank lines interrupt, the whole of them.

    A sentence continues one without a stop if it begins with a letter in lower case.
    """
    start, parts = 0, [""]
    for offset, sentence in split_sentences(text):
        is_open = (
            bool(parts[0]) and not parts[-1].lstrip().startswith(("#", "|")) and not _SENTENCE_STOP.search(parts[-1])
        )
        is_continued = is_open and sentence.lstrip()[:1].islower()
        if not is_continued or sum(map(len, parts)) + len(sentence) > _PIECE_CHARACTERS:
            if len(parts) > 1:
                yield start, " ".join(parts)
            start, parts = offset, []
        parts.append(sentence)
        yield offset, sentence
    if len(parts) > 1:
        yield start, " ".join(parts)


def split_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, sentence) for each sentence; headings, list items and table rows count as sentences.

    Text between code fences is an example and is skipped, unless it mentions a licence. A sentence of more than 1,500
    characters comes in pieces that overlap.
    """
    for is_example, offset, sentence in _iter_sentences(text):
        if not is_example:
            yield offset, sentence


def iter_fenced_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, sentence) for each sentence between code fences that ``split_sentences`` skips."""
    for is_example, offset, sentence in _iter_sentences(text):
        if is_example and not _SPOKEN.search(sentence):
            yield offset, _CODE.sub("", sentence)


def _iter_sentences(text: str) -> Iterator[tuple[bool, int, str]]:
    """Yield each sentence with its offset, and whether it is an example between code fences."""
    fences = [fence.start() for fence in _FENCE.finditer(text)]
    # An odd last fence is never closed; renderers differ on it, so the text after it counts as ordinary text.
    paired_fences = len(fences) // 2 * 2
    for block in _BLOCK.finditer(text):
        if not block[0].strip():
            continue
        fences_before = bisect_right(fences, block.start())
        is_fenced = fences_before % 2 == 1 and fences_before <= paired_fences
        for sentence in _SENTENCE.finditer(block[0]):
            is_example = is_fenced and not _LICENSE_WORD.search(sentence[0])
            begin = block.start() + sentence.start()
            for position in range(0, len(sentence[0]), _PIECE_CHARACTERS):
                piece_start = max(0, position - _PIECE_OVERLAP)
                piece = sentence[0][piece_start : position + _PIECE_CHARACTERS]
                # A sentence begins right behind the one before it, so with the spaces and line breaks between them.
                space = len(piece) - len(piece.lstrip())
                yield is_example, begin + piece_start + space, piece
