"""The one screen: the answer first, then why, what it rests on, and what has to be done."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from reports.license_examples import (
    LLAMA,
    NOTICE_WORDS,
    conflicting_conclusion,
    denied_conclusion,
    hostile_conclusion,
    plain_conclusion,
)
from rich.cells import cell_len

from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer, LicenseCategory
from modelaudit.reports.license_screen import render_license

ANSI = re.compile(r"\x1b\[[0-9;]*m")
ANSWERED = {"plain": plain_conclusion, "conflicting": conflicting_conclusion, "denied": denied_conclusion}


def screen(report: AuditReport, license_: LicenseConclusion, **how: int) -> str:
    return render_license(replace(report, license=license_), **how).decode()


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", list(ANSWERED))
def test_it_is_one_screen(name: str, failing: AuditReport) -> None:
    for width in (80, 100, 200):
        lines = screen(failing, ANSWERED[name](), width=width).splitlines()
        assert len(lines) <= (60 if width == 80 else 48)
        assert max(map(cell_len, lines)) <= min(width, 100)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("plain", "✔ ALLOWED What you mean to do is allowed under Apache-2.0; 3 things to do"),
        ("conflicting", "◐ FOR REVIEW 2 points have to be decided by a person, first: A limit to the number of users:"),
        ("denied", "✘ DENIED 1 reason stands against what you mean to do: Your use is commercial."),
    ],
)
def test_the_answer_comes_first_with_the_model_and_what_is_meant(name: str, answer: str, failing: AuditReport) -> None:
    text = screen(failing, ANSWERED[name]())
    assert words(text).startswith(answer)
    head = words(text[: text.index("Concluded")])
    assert f"model acme/tiny-llama, {failing.target.commit}" in head
    assert "policy default: commercial use, giving copies to others" in head
    assert "in EU; 5 million users a month; revenue not stated; field: general" in head


def test_a_reason_gives_the_clause_the_section_the_date_and_the_origin(failing: AuditReport) -> None:
    text = words(screen(failing, conflicting_conclusion()))
    assert (
        "review A limit to the number of users: your own figure is not stated. LicenseRef-Llama-3.1, section 2: "
        f"Above 700 million users ask for a licence. Read 2026-11-24: {LLAMA.url}. "
        "Inherited: quantized from acme/tiny-instruct, fine-tuned from acme/tiny-root."
    ) in text
    unread = replace(conflicting_conclusion().answers[0], read="")
    text = words(screen(failing, replace(conflicting_conclusion(), answers=(unread,))))
    assert f"Terms not verified: {LLAMA.url}." in text and "Read 2026" not in text


def test_the_worst_reason_comes_first_and_what_only_permits_is_left_out(failing: AuditReport) -> None:
    made = conflicting_conclusion()
    denial = denied_conclusion().answers[0]
    permits = replace(denial, answer=Answer.ALLOW, because="It permits.")
    text = screen(failing, replace(made, answers=(permits, *made.answers, denial), permission=Answer.DENY))
    assert "It permits." not in text
    why = text[text.index("Why") :]
    assert why.index("Your use is commercial.") < why.index("your own figure is not stated")
    assert words(text).startswith("✘ DENIED 1 reason stands against what you mean to do: Your use is commercial.")


def test_evidence_is_quoted_with_its_place(failing: AuditReport) -> None:
    text = words(screen(failing, conflicting_conclusion()))
    assert "Concluded: nothing, because the licence is contradictory" in text
    assert "README.md:2 license: “apache-2.0” = Apache-2.0, declared by the author" in text
    assert (
        "docs/LICENSE.txt:1 “LLAMA 3.1 COMMUNITY LICENSE AGREEMENT” (like LicenseRef-Llama-3.1, and not it: with the "
        "exception of section 2), a text that resembles the licence and is not it"
    ) in text


def test_origins_are_a_tree_with_what_became_of_each(failing: AuditReport) -> None:
    text = screen(failing, conflicting_conclusion())
    tree = words(text[text.index("Made from") : text.index("To do")])
    assert tree == (
        "Made from └─ quantized from acme/tiny-instruct: Apache-2.0; read at 5f0b02c75b57 "
        "├─ fine-tuned from acme/tiny-root: LicenseRef-Llama-3.1; not read; the licence on record for this name "
        "can forbid and never permits "
        "└─ merged from acme/other: licence not known; not read: there is no such repository"
    )


def test_duties_are_a_list_to_do_with_exact_words_and_what_is_met(failing: AuditReport) -> None:
    text = screen(failing, conflicting_conclusion())
    todo = words(text[text.index("To do") : text.index("Conflicts")])
    assert todo.startswith("To do under LicenseRef-Llama-3.1: 6 things ship [ ] Ship a copy of the agreement. (section")
    assert todo.count("Ship a copy") == 1
    assert f"Exact words: “{NOTICE_WORDS}”" in todo
    places = [todo.index(f" {label} ") for label in ("ship", "show", "name", "pass on", "watch")]
    assert places == sorted(places)
    either = replace(conflicting_conclusion().duties[3], words=("Built with X", "Improved by X"))
    text = words(screen(failing, replace(conflicting_conclusion(), duties=(either,))))
    assert "[ ] Show it. Exact words: “Built with X” / “Improved by X” (1.b.i)" in text
    met = words(screen(failing, plain_conclusion()))
    assert "To do under Apache-2.0: 3 things, 1 met by the files that are there" in met
    assert "[x] Give everyone who receives the model a copy of the licence. Met by LICENSE." in met


def test_conflicts_data_sets_openness_and_what_nobody_looked_at(failing: AuditReport) -> None:
    text = words(screen(failing, conflicting_conclusion()))
    assert "Conflicts The card grants more than the base model does: The card says" in text
    assert "data acme/pairs: CC-BY-NC-4.0; acme/more: not read: it could not be reached (apart from" in text
    assert "open No class is reached; 1 of 2 parts came with it, 0 of them open." in text
    assert "unread acme/tiny-root, acme/other, acme/more: see above for the reason." in text


def test_limits_that_no_answer_told_are_named(failing: AuditReport) -> None:
    text = words(screen(failing, conflicting_conclusion()))
    assert f"limits Forbidden uses: military, malware (Llama-3.1, section 1.b.iv; {LLAMA.policy_url})." in text
    assert "number of users above" not in text, "an answer above told it"
    clauses = tuple(replace(clause, fields=tuple(f"use-{n}" for n in range(30))) for clause in LLAMA.clauses)
    allowed = replace(plain_conclusion(), entries=(replace(LLAMA, clauses=clauses),))
    text = words(screen(failing, allowed))
    assert (
        "Limits that the stated use does not touch: a limit to the number of users above 700 million (Llama-3.1, section 2)."
        in text
    )
    assert "use 7 and 22 more" in text and "use 8" not in text


def test_what_the_repository_lacks_is_one_line(failing: AuditReport) -> None:
    made = conflicting_conclusion()
    kinds = ("missing-text", "missing-text", "missing-notice")
    lacking = tuple(
        replace(made.conflicts[0], kind=kind, entries=(id_,), detail=f"{kind} {id_}")
        for kind, id_ in zip(kinds, ("A", "B", "B"), strict=True)
    )
    text = words(screen(failing, replace(made, conflicts=lacking)))
    assert "lacking Not in the repository: text of A, B; notice of B." in text
    assert "Conflicts" not in text


def test_a_conflict_that_is_a_reason_is_told_once(failing: AuditReport) -> None:
    made = conflicting_conclusion()
    answer = replace(made.answers[1], because=made.conflicts[0].detail)
    text = words(screen(failing, replace(made, answers=(answer,))))
    assert text.count("which caps the users") == 2, "in the answer and in its reason"
    assert "Conflicts" not in text


def test_without_a_stated_use_nothing_is_answered(failing: AuditReport) -> None:
    asked = replace(plain_conclusion(), intent=None, permission=None, answers=())
    text = words(screen(failing, asked))
    assert text.startswith("◐ NO USE STATED The author names Apache License 2.0, which allows it; 3 duties")
    assert "policy default: it states no use, so no clause was answered; state one with" in text


def test_no_licence_is_said(failing: AuditReport) -> None:
    nothing = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN, permission=Answer.REVIEW)
    text = words(screen(failing, nothing))
    assert text.startswith("◐ FOR REVIEW A person must decide.")
    assert "Concluded: nothing, because the licence is undeclared" in text


def test_long_lists_are_counted(failing: AuditReport) -> None:
    made = conflicting_conclusion()
    many = tuple(replace(made.origins[0], name=f"a/{n}") for n in range(50))
    duties = tuple(replace(made.duties[0], text=f"Do {n}.") for n in range(50))
    conflicts = made.conflicts * 20
    claims = tuple(replace(made.claims[0], field=f"f{n}") for n in range(50))
    answers = tuple(replace(made.answers[0], because=f"Because {n}.") for n in range(50))
    crowded = replace(made, origins=many, duties=duties, conflicts=conflicts, claims=claims, answers=answers)
    text = screen(failing, crowded)
    assert len(text.splitlines()) < 110
    for fact in ("44 more reasons", "45 more statements", "38 more origins", "42 more, in", "16 more conflicts"):
        assert fact in text, fact


@pytest.mark.parametrize("color", [True, False])
def test_nothing_that_a_model_says_reaches_the_terminal_raw(color: bool, hostile: AuditReport) -> None:
    evil = hostile.target.name
    text = render_license(replace(hostile, license=hostile_conclusion(evil, evil * 99)), color=color).decode()
    assert bool(ANSI.search(text)) is color
    plain = ANSI.sub("", text)
    assert {each for each in plain if unicodedata.category(each)[0] in "CZ"} - {"\n", " "} == set()
    assert "\\u202eexe.tnegra" in text


def test_every_example_report_has_a_screen(examples: dict[str, Callable[[], AuditReport]]) -> None:
    for name, make in examples.items():
        text = render_license(make(), width=60).decode()
        assert max(map(cell_len, text.splitlines())) <= 60, name
        assert not re.search(r"\b(safe|clean)\b", text, re.IGNORECASE)


def test_where_the_use_is_denied_the_duties_are_named_and_not_spelt_out(failing: AuditReport) -> None:
    denied = replace(conflicting_conclusion(), permission=Answer.DENY)
    text = words(screen(failing, denied))
    assert "To do, were it allowed under LicenseRef-Llama-3.1: 6 things ship Ship the licence (1.b.i); ship the" in text
    assert "[ ]" not in text and NOTICE_WORDS not in text and "limits Forbidden uses" not in text


def test_what_several_licences_ask_for_is_one_thing_and_exact_words_stand_apart(failing: AuditReport) -> None:
    made = conflicting_conclusion()
    ours = replace(made.duties[0], text="Pass on the text.", section="2", via="", words=(), met="")
    theirs = replace(ours, license="X-1.0", text="Hand over the text.", section="9")
    text = words(screen(failing, replace(made, duties=(ours, theirs))))
    assert "[ ] Ship the licence, for each: (Llama-3.1, 2; X-1.0, 9)" in text
    same = replace(theirs, text=ours.text)
    assert "[ ] Pass on the text. (Llama-3.1, 2; X-1.0, 9)" in words(
        screen(failing, replace(made, duties=(ours, same)))
    )
    for apart in (replace(theirs, words=("Say so",)), replace(theirs, met="LICENSE"), replace(ours, text="And more.")):
        text = screen(failing, replace(made, duties=(ours, apart)))
        assert text.count("[ ]") + text.count("[x]") == 2
