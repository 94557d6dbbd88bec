"""Measure the words around a notice: *This file is part of Acme. Acme is* … *along with Acme. If not, see*.

Some licences prescribe a notice for the works under them, which names the licence and holds none of its terms. Its
fingerprint has the words that every such notice shares, and here are the names and addresses before and behind them.
"""

from __future__ import annotations

from typing import Final

from modelaudit.licenses.recognition.name_words import is_in_address, is_name_word, is_term_word
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_WORK: Final = defer_pattern(r"program|library|software|package|module|file|project|work|code")
_IN_FILES: Final = ("in", "the", "copying", "and", "copying", "lesser", "files")
_FULL_STOP: Final = defer_pattern(r"\.\s")
_MOST_NAME_WORDS: Final = 6
_WRITE_TO: Final = defer_pattern(
    r"write|to|the|free|software|foundation|inc|51|59|675|franklin|street|st|mass|ave|fifth|floor|temple|place|suite|330"
    r"|500|boston|cambridge|ma|massachusetts|02110|1301|1335|02111|1307|02139|usa"
)
"""The words of *write to the Free Software Foundation* with its addresses over the years."""


def measure_notice_frame(words: Words, first: int, end: int) -> int:
    """Count the words of a part around a notice that begins at the word ``first``; 0 if none begins there.

    Args:
        words: the words of the text.
        first: the word where the part would begin.
        end: the word before which it ends; a notice begins there, or the text ends.
    """
    return (
        _measure_membership(words, first, end)
        or _measure_subject(words, first, end)
        or _measure_work(words, first, end)
        or _measure_address(words, first, end)
    )


def _measure_membership(words: Words, first: int, end: int) -> int:
    """Count the words of *This file is part of Acme*."""
    head = ["this", "file", "is", "part", "of"]
    if list(words.words[first : min(end, first + len(head))]) != head:
        return 0
    name = _measure_name(words, first + len(head), end)
    return len(head) + name if name else 0


def _measure_subject(words: Words, first: int, end: int) -> int:
    """Count the words of *Acme is* directly before the notice."""
    size = end - first
    is_subject = size >= 2 and words.words[end - 1] == "is" and end < len(words.words)
    return size if is_subject and _measure_name(words, first, end - 1) == size - 1 else 0


def _measure_work(words: Words, first: int, end: int) -> int:
    """Count the words that name the work at the end of *along with Acme*: all words before *if not*, or the text's."""
    reach = min(end, first + _MOST_NAME_WORDS + len(_IN_FILES) + 1)
    stop = next((at for at in range(first, reach) if words.words[at] == "if"), end)
    if stop == first or (first and words.words[first - 1] != "with"):
        return 0
    files = len(_IN_FILES) if tuple(words.words[max(first, stop - len(_IN_FILES)) : stop]) == _IN_FILES else 0
    name = stop - files
    return stop - first if _measure_name(words, first, name) == name - first else 0


def _measure_address(words: Words, first: int, end: int) -> int:
    """Count the words of *if not, see* and an address of the foundation, or *if not, write to* it."""
    if list(words.words[first : min(end, first + 2)]) != ["if", "not"]:
        return 0
    at = first + 2
    if at < end and words.words[at] == "see":
        at += 1
        while at < end and (words.words[at] == "http" or (is_in_address(words, at) and _is_of_licence(words, at))):
            at += 1
    elif at < end and words.words[at] == "write":
        while at < end and _WRITE_TO.fullmatch(words.words[at]):
            at += 1
    return at - first if at > first + 3 else 0


def _is_of_licence(words: Words, position: int) -> bool:
    """Whether a word of an address cannot be a term."""
    return not is_term_word(words, position) or words.words[position].startswith("licen")


def _measure_name(words: Words, first: int, end: int) -> int:
    """Count the words of *this program* or of the name of a work, at most six, without a word that could be a term."""
    if first + 1 < end and words.words[first] == "this" and _WORK.fullmatch(words.words[first + 1]):
        return 2
    at = first
    while at < min(end, first + _MOST_NAME_WORDS):
        if is_term_word(words, at) or not (is_name_word(words, at) or _WORK.fullmatch(words.words[at])):
            break
        at += 1
        stop = words.find_start(at - 1) + len(words.words[at - 1])
        if _FULL_STOP.match(words.text, stop):
            break
    return at - first
