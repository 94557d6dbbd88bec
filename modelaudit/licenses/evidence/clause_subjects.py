"""Cut the clauses of a sentence that are about something else than the right to use the model.

"The recordings may be used for research only" limits the recordings, "the model must not see the test set" says what
the model does, and "we left out data that forbids commercial use" what its authors did. ``rules/clause_subjects.yaml``
lists the shapes of such clauses, and the words that keep a clause in because it could bind the model after all.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.licenses.evidence.sentence_cues import CUT
from modelaudit.model.restrictions import ClauseShape, ClauseSubjects

_MOST_CHARACTERS = 600
"""Longer sentences are not read by clauses: they are lists, or meant to hide a clause."""


def cut_clauses_on_others(sentence: str, subjects: ClauseSubjects, section: str = "") -> str:
    """Cut each clause of a folded sentence whose subject is not the right to use the model; the rest stays as it is.

    ``section`` is the name of the section that the sentence belongs to, which says what "they" means.
    """
    if subjects.boundary is None or len(sentence) > _MOST_CHARACTERS:
        return sentence
    unspared = _cut_spared(sentence, subjects)
    if any(words.search(unspared) for words in subjects.carries):
        return sentence
    for words in subjects.asides:
        sentence = words.sub(" ", sentence)
    kept: list[str] = []
    is_cut = False
    clauses = list(_iter_clauses(sentence, subjects))
    is_alone = sum(any(map(str.isalnum, clause)) for clause, _ in clauses) == 1
    for clause, boundary in clauses:
        if clause.strip():
            shape = _find_shape(clause, subjects, section, is_behind_cut=is_cut, is_alone=is_alone)
            is_cut = shape is not None
        kept.append(CUT if is_cut else f"{clause}{boundary}")
    return "".join(kept)


def _cut_spared(words: str, subjects: ClauseSubjects) -> str:
    """Cut what says that the model is left alone."""
    for pattern in subjects.spared:
        words = pattern.sub(CUT, words)
    return words


def _iter_clauses(sentence: str, subjects: ClauseSubjects) -> Iterator[tuple[str, str]]:
    """Yield each clause with the marks behind it."""
    assert subjects.boundary is not None
    start = 0
    for match in subjects.boundary.finditer(sentence):
        yield sentence[start : match.start()], match[0]
        start = match.end()
    yield sentence[start:], ""


def _find_shape(
    clause: str, subjects: ClauseSubjects, section: str, *, is_behind_cut: bool, is_alone: bool
) -> ClauseShape | None:
    """Find the shape of a clause; ``None`` if it could bind the model."""
    spared = _cut_spared(clause, subjects)
    for shape in subjects.shapes:
        if (shape.follows and not is_behind_cut) or (shape.alone and not is_alone):
            continue
        if shape.within and section not in shape.within:
            continue
        match = shape.words.match(spared)
        if match is None:
            continue
        rest = spared
        if "subject" in shape.words.groupindex:
            rest = f"{spared[: match.start('subject')]} {spared[match.end('subject') :]}"
        if not any(words.search(rest) for words in shape.unless):
            return shape
    return None
