"""Words of the licence texts in a repository: the sentences that state clauses, and differences from a licence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClauseQuotation:
    """The sentence that states a clause, as a copy of the licence in the repository has it.

    Attributes:
        license: id of the licence.
        kind: the kind of clause.
        section: as the clause gives it, which tells clauses of one kind apart.
        artifact: the file with the copy.
        line: of the beginning of the sentence, from 1.
        text: the sentence as written there, on one line, bounded.
    """

    license: str
    kind: str
    section: str
    artifact: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class TextChange:
    """A place at which a text differs from the licence that it resembles, with the words around it.

    Attributes:
        line: of the place, from 1.
        before: the words before it as the text has them, bounded; so ``after``.
        added: words that the licence does not have, bounded; empty for an omission.
        missing: the number of words of the licence in whose place they are.
    """

    line: int
    before: str
    added: str
    after: str
    missing: int = 0
