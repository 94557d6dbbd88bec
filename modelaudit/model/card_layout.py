"""The words by which the layout of a card limits the use, or states a licence."""

from __future__ import annotations

import re

from msgspec import Struct


class HeadedLimits(Struct, frozen=True, eq=False):
    """Patterns of limits that a heading, a question or a table gives their meaning.

    Attributes:
        limited: matches a whole value that names commerce, companies or the European Union and nothing else.
        purposes: find commercial use among other words.
        qualified: find words that qualify such a use.
        notice: find lines of two or three words that limit the use by themselves.
        forbidding: matches a whole heading or label whose items forbid.
        admitting: matches a whole heading whose items name those who may use the model.
        admitted: matches a whole item that names places or people.
        denied: matches a whole cell that denies.
        rights: matches the head of the first column of a table of rights.
        grants: matches the head of its second column.
        marked: find a mark of refusal behind a subject.
        struck: find a grant that is struck out.
        refused_line: find a line that refuses the act in its label.
        asks_for_use: find a question about commercial use.
        asks_for_duty: find a question about a duty.
        refuses: begin an answer that does not permit.
        consents: find an answer that permits.
    """

    limited: re.Pattern[str]
    purposes: re.Pattern[str]
    qualified: re.Pattern[str]
    notice: re.Pattern[str]
    forbidding: re.Pattern[str]
    admitting: re.Pattern[str]
    admitted: re.Pattern[str]
    denied: re.Pattern[str]
    rights: re.Pattern[str]
    grants: re.Pattern[str]
    marked: re.Pattern[str]
    struck: re.Pattern[str]
    refused_line: re.Pattern[str]
    asks_for_use: re.Pattern[str]
    asks_for_duty: re.Pattern[str]
    refuses: re.Pattern[str]
    consents: re.Pattern[str]


class CardLabels(Struct, frozen=True, eq=False):
    """Patterns of the licence that a label, a heading or a table states in a few words.

    Attributes:
        label: find a label with its value; ``license`` and ``part`` are groups of the label, ``value`` of the value.
        heading: find a heading with the text below it, the group ``block``.
        license_cell: matches a whole cell that names the licence.
        part_cell: matches a whole cell that names a part of the release.
        about_data: begin an item about data.
        says_nothing: matches a whole value that states no terms.
        pointer: find a reference to a file or to other terms.
        free: matches a whole value that says that all is free.
        refusal: find a mark that refuses.
        terms_of_part: find terms of the weights alone.
        non_commercial_code: matches a whole value that abbreviates non-commercial terms.
        goes_on: find the end of a value that the next block completes.
    """

    label: re.Pattern[str]
    heading: re.Pattern[str]
    license_cell: re.Pattern[str]
    part_cell: re.Pattern[str]
    about_data: re.Pattern[str]
    says_nothing: re.Pattern[str]
    pointer: re.Pattern[str]
    free: re.Pattern[str]
    refusal: re.Pattern[str]
    terms_of_part: re.Pattern[str]
    non_commercial_code: re.Pattern[str]
    goes_on: re.Pattern[str]


class CardLayout(Struct, frozen=True, eq=False):
    """The content of ``rules/card_layout.yaml``."""

    limits: HeadedLimits
    labels: CardLabels
