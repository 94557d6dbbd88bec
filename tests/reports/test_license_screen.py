"""The screen of ``modelaudit license``: the answer, its reasons, the evidence, and the duties."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from reports.license_examples import (
    LLAMA,
    NOTICE_WORDS,
    build_conflicting_conclusion,
    build_denied_conclusion,
    build_hostile_conclusion,
    build_plain_conclusion,
)
from rich.cells import cell_len
from support.decisions import answer_use

from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import ConclusionState, Conflict, LicenseConclusion, OriginState, UseAnswer
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import Location
from modelaudit.model.terms import Answer, Group, LicenseCategory
from modelaudit.model.verdict import Ruling, Verdict
from modelaudit.reports.answers import describe_conclusion, describe_duties, describe_exit_code
from modelaudit.reports.duty_summary import summarize_duties
from modelaudit.reports.license_screen import render_license
from modelaudit.reports.license_view import group_tasks
from modelaudit.reports.next_step import describe_next_step

ANSI = re.compile(r"\x1b\[[0-9;]*m")
ANSWERED = {
    "plain": build_plain_conclusion,
    "conflicting": build_conflicting_conclusion,
    "denied": build_denied_conclusion,
}


def render_screen(report: AuditReport, license_: LicenseConclusion, **options: int) -> str:
    """Render the screen of a report with another licence conclusion."""
    decision = replace(report.decision, use=answer_use(license_))
    return render_license(replace(report, license=license_, decision=decision), **options).decode()


def join_words(text: str) -> str:
    """Undo the wrapping and the indentation of a text."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", list(ANSWERED))
def test_license_screen_stays_within_its_maximum_lines_and_columns(name: str, failing: AuditReport) -> None:
    for width in (80, 100, 200):
        lines = render_screen(failing, ANSWERED[name](), width=width).splitlines()
        # Narrow lines wrap more often.
        assert len(lines) <= (65 if width == 80 else 53)
        assert max(map(cell_len, lines)) <= min(width, 100)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("plain", "✔ USE: PASS Apache-2.0 permits the planned use, with 2 duties."),
        ("conflicting", "◐ USE: REVIEW A limit to the number of users: your own figure is not stated."),
        ("denied", "✘ USE: FAIL Your planned use is commercial, and the licence forbids commercial use."),
    ],
)
def test_license_screen_begins_with_answer_model_and_planned_use(name: str, answer: str, failing: AuditReport) -> None:
    text = render_screen(failing, ANSWERED[name]())
    assert join_words(text).startswith(answer)
    head = join_words(text[: text.index("Determined")])
    assert f"model acme/tiny-llama, {failing.target.commit}" in head
    assert "policy default: commercial use, giving copies to others" in head
    assert "in EU; 5 million users a month; revenue not stated; field: general" in head


def test_license_screen_states_clause_section_reading_date_and_lineage_of_each_reason(failing: AuditReport) -> None:
    text = join_words(render_screen(failing, build_conflicting_conclusion()))
    assert (
        "review Llama-3.1, section 2: "
        f"Above 700 million users ask for a licence. Read 2026-11-24: {LLAMA.url}. "
        "Inherited: quantized from acme/tiny-instruct, fine-tuned from acme/tiny-root."
    ) in text
    unread = replace(build_conflicting_conclusion().answers[0], read="")
    text = join_words(render_screen(failing, replace(build_conflicting_conclusion(), answers=(unread,))))
    assert f"Terms not verified: {LLAMA.url}." in text and "Read 2026" not in text


def test_license_screen_lists_the_worst_reason_first_and_omits_permissions(failing: AuditReport) -> None:
    conclusion = build_conflicting_conclusion()
    denial = build_denied_conclusion().answers[0]
    permits = replace(denial, answer=Answer.ALLOW, because="It permits.")
    text = render_screen(
        failing, replace(conclusion, answers=(permits, *conclusion.answers, denial), permission=Answer.DENY)
    )
    assert "It permits." not in text
    reasons = text[text.index("Why") :]
    place_of_denial = reasons.index("deny")
    assert place_of_denial < reasons.index("your own figure is not stated")
    assert join_words(text).startswith(
        "✘ USE: FAIL Your planned use is commercial, and the licence forbids commercial use."
    )


def test_license_screen_quotes_declared_and_found_license_claims_with_file_and_line(failing: AuditReport) -> None:
    text = join_words(render_screen(failing, build_conflicting_conclusion()))
    assert "Determined: no licence, because the claims contradict each other" in text
    assert "README.md:2 license: “apache-2.0” = Apache-2.0, declared by the author" in text
    assert (
        "docs/LICENSE.txt:1 “LLAMA 3.1 COMMUNITY LICENSE AGREEMENT” resembles Llama-3.1 but differs from it: "
        "with the exception of section 2"
    ) in text


def test_license_screen_shows_base_models_as_a_tree_with_lookup_results(failing: AuditReport) -> None:
    text = render_screen(failing, build_conflicting_conclusion())
    tree = join_words(text[text.index("Base models") : text.index("To do")])
    assert tree == (
        "Base models └─ quantized from acme/tiny-instruct: Apache-2.0; read at 5f0b02c75b57 "
        "├─ fine-tuned from acme/tiny-root: Llama-3.1; not read; the licence on record for its name "
        "counts only where it limits the use "
        "└─ merged from acme/other: licence not known; not read: there is no such repository"
    )


def test_license_screen_shows_duties_as_a_checklist_with_exact_words(failing: AuditReport) -> None:
    text = render_screen(failing, build_conflicting_conclusion())
    todo = join_words(text[text.index("To do") : text.index("Conflicts")])
    assert todo.startswith(
        "To do under Llama-3.1: 5 duties; 1 point to watch ship [ ] Ship a copy of the agreement. (section"
    )
    assert todo.count("Ship a copy") == 1
    assert f"Exact words: “{NOTICE_WORDS}”" in todo
    start = todo.index(" ship ")
    places = [todo.index(f" {label} ", start) for label in ("ship", "show", "name", "pass on", "watch")]
    assert places == sorted(places)
    two_wordings = replace(build_conflicting_conclusion().duties[3], words=("Built with X", "Improved by X"))
    text = join_words(render_screen(failing, replace(build_conflicting_conclusion(), duties=(two_wordings,))))
    assert "[ ] Show it. Exact words: “Built with X” / “Improved by X” (1.b.i)" in text
    met = join_words(render_screen(failing, build_plain_conclusion()))
    assert "To do under Apache-2.0: 2 duties; the repository holds the file for 1 of them; 1 point to watch" in met
    assert "[ ] Give everyone who receives the model a copy of the licence. The repository holds it: LICENSE." in met


def test_license_screen_shows_conflicts_data_sets_openness_and_unread_sources(failing: AuditReport) -> None:
    text = join_words(render_screen(failing, build_conflicting_conclusion()))
    assert "Conflicts The card grants more than the base model does: The card says" in text
    assert "data acme/pairs: CC-BY-NC-4.0; acme/more: not read: it could not be reached (separate from" in text
    assert "open No class is reached; 1 of 2 parts found, 0 of them under an open licence." in text
    assert "unread acme/tiny-root: not read" in text and "the reason is stated above" not in text


def test_license_screen_lists_license_limits_that_the_answers_do_not_already_mention(failing: AuditReport) -> None:
    text = join_words(render_screen(failing, build_conflicting_conclusion()))
    assert f"limits Forbidden uses: military, malware (Llama-3.1, section 1.b.iv; {LLAMA.policy_url})." in text
    assert "number of users above" not in text, "an answer already mentions this limit"
    clauses = tuple(replace(clause, fields=tuple(f"use-{n}" for n in range(30))) for clause in LLAMA.clauses)
    allowed = replace(build_plain_conclusion(), entries=(replace(LLAMA, clauses=clauses),))
    text = join_words(render_screen(failing, allowed))
    assert "Your 5 million users a month are not above the limit of 700 million (Llama-3.1, section 2)." in text
    assert "use 7 and 22 more" in text and "use 8" not in text


def test_license_screen_lists_all_missing_texts_and_notices_in_one_line(failing: AuditReport) -> None:
    conclusion = build_conflicting_conclusion()
    kinds = ("missing-text", "missing-text", "missing-notice")
    missing = tuple(
        replace(conclusion.conflicts[0], kind=kind, entries=(id_,), detail=f"{kind} {id_}")
        for kind, id_ in zip(kinds, ("A", "B", "B"), strict=True)
    )
    text = join_words(render_screen(failing, replace(conclusion, conflicts=missing)))
    assert "missing Not in the repository: text of A, B; notice of B." in text
    assert "Conflicts" not in text


def test_license_screen_does_not_repeat_a_conflict_that_is_a_reason(failing: AuditReport) -> None:
    conclusion = build_conflicting_conclusion()
    answer = replace(conclusion.answers[1], because=conclusion.conflicts[0].detail)
    text = join_words(render_screen(failing, replace(conclusion, answers=(answer,))))
    assert text.count("which caps the users") == 1, "in the answer at the top, and not again in its reasons"
    assert "Conflicts" not in text


def test_license_screen_without_a_stated_use_shows_that_no_clause_was_checked(failing: AuditReport) -> None:
    without_use = replace(build_plain_conclusion(), intent=None, permission=None, answers=())
    text = join_words(render_screen(failing, without_use))
    assert text.startswith("◐ USE: REVIEW No planned use is stated, so the licences were not judged for one.")
    assert "policy default: it states no planned use; state one with" in text


def test_license_screen_states_that_no_license_is_declared(failing: AuditReport) -> None:
    nothing = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN, permission=Answer.REVIEW)
    text = join_words(render_screen(failing, nothing))
    assert text.startswith("◐ USE: REVIEW No permission for the planned use can be shown.")
    assert "Determined: no licence, because none is declared for the model" in text


def test_license_screen_cuts_long_lists_and_counts_the_rest(failing: AuditReport) -> None:
    conclusion = build_conflicting_conclusion()
    origins = tuple(replace(conclusion.origins[0], name=f"a/{n}") for n in range(50))
    duties = tuple(replace(conclusion.duties[0], text=f"Do {n}.") for n in range(50))
    conflicts = conclusion.conflicts * 20
    claims = tuple(replace(conclusion.claims[0], field=f"f{n}") for n in range(50))
    answers = tuple(replace(conclusion.answers[0], because=f"Because {n}.") for n in range(50))
    crowded = replace(conclusion, origins=origins, duties=duties, conflicts=conflicts, claims=claims, answers=answers)
    text = render_screen(failing, crowded)
    assert len(text.splitlines()) < 110
    for fact in ("44 more reasons", "45 more statements", "38 more base models", "42 more, in", "16 more conflicts"):
        assert fact in text, fact


@pytest.mark.parametrize("color", [True, False])
def test_license_screen_escapes_hostile_text(color: bool, hostile: AuditReport) -> None:
    evil = hostile.target.name
    text = render_license(replace(hostile, license=build_hostile_conclusion(evil, evil * 99)), color=color).decode()
    assert bool(ANSI.search(text)) is color
    plain = ANSI.sub("", text)
    assert {each for each in plain if unicodedata.category(each)[0] in "CZ"} - {"\n", " "} == set()
    assert "\\u202eexe.tnegra" in text


def test_license_screen_of_every_example_report_fits_60_columns_and_never_says_safe_or_clean(
    examples: dict[str, Callable[[], AuditReport]],
) -> None:
    for name, build_report in examples.items():
        text = render_license(build_report(), width=60).decode()
        assert max(map(cell_len, text.splitlines())) <= 60, name
        assert not re.search(r"\b(safe|clean)\b", text, re.IGNORECASE)


def test_license_screen_of_a_denied_use_names_duties_without_checkboxes_or_exact_words(failing: AuditReport) -> None:
    denied = replace(build_conflicting_conclusion(), permission=Answer.DENY)
    text = join_words(render_screen(failing, denied))
    assert (
        "If the use were allowed under Llama-3.1: 5 duties; 1 point to watch ship Ship the licence (1.b.i); ship the"
        in text
    )
    assert "[ ]" not in text and NOTICE_WORDS not in text and "limits Forbidden uses" not in text


def test_license_screen_merges_a_duty_of_two_licenses_unless_its_words_or_fulfilment_differ(
    failing: AuditReport,
) -> None:
    conclusion = build_conflicting_conclusion()
    duty = replace(conclusion.duties[0], text="Pass on the text.", section="2", via="", words=(), met="")
    of_other_license = replace(duty, license="X-1.0", text="Hand over the text.", section="9")
    text = join_words(render_screen(failing, replace(conclusion, duties=(duty, of_other_license))))
    assert "[ ] Ship the licence, for each: (Llama-3.1, 2; X-1.0, 9)" in text
    with_same_text = replace(of_other_license, text=duty.text)
    text = join_words(render_screen(failing, replace(conclusion, duties=(duty, with_same_text))))
    assert "[ ] Pass on the text. (Llama-3.1, 2; X-1.0, 9)" in text
    for different in (
        replace(of_other_license, words=("Say so",)),
        replace(of_other_license, met="LICENSE"),
        replace(duty, text="And more."),
    ):
        text = render_screen(failing, replace(conclusion, duties=(duty, different)))
        assert text.count("[ ]") + text.count("[x]") == 2


def test_exit_code_line_of_a_licence_answer_says_that_loading_was_not_checked(passing: AuditReport) -> None:
    policy = replace(passing.policy, checks=(CheckFamily.LICENSE,))
    load = Ruling(Verdict.INCOMPLETE, "The security check did not run, so attacks were not searched for.")
    report = replace(passing, policy=policy, decision=replace(passing.decision, load=load))
    assert describe_exit_code(report) == "Exit code 0, pass by the terms alone, not searched for attacks."


def test_conclusion_covers_base_models_only_if_each_was_read_or_is_on_record(conflicting: AuditReport) -> None:
    license_ = replace(conflicting.license, state=ConclusionState.CONCLUDED)
    for look, words in (
        (OriginState.READ, "for the model and its"),
        (OriginState.UNREACHED, "not every base model was read"),
        (OriginState.KNOWN, "on record counts where it limits the use"),
    ):
        origins = tuple(replace(origin, look=look) for origin in license_.origins)
        assert origins and words in describe_conclusion(replace(license_, origins=origins))


def test_every_number_of_duties_is_the_length_of_the_list(failing: AuditReport) -> None:
    for build in (build_plain_conclusion, build_conflicting_conclusion):
        license_ = build()
        duties = [task for group, tasks in group_tasks(license_) if group is not Group.WATCH for task in tasks]
        watched = [task for group, tasks in group_tasks(license_) if group is Group.WATCH for task in tasks]
        summary = summarize_duties(license_)
        listed = [line for line in summary.lines if not line.startswith("To watch (annex on the licence): ")]
        points = "point to watch" if len(watched) == 1 else "points to watch"
        if license_.state is ConclusionState.CONCLUDED:
            assert len(listed) + summary.more == len(duties)
            [line] = [each for each in summary.lines if each not in listed]
            named = line.rstrip(".").partition(": ")[2].split("; ")
            more = re.search(r" and (\d+) more$", named[-1])
            assert len(named) + int(more[1] if more else 0) == len(watched)
        else:
            # Which licence applies is open: each has a line of its own with all of its duties.
            assert [line.split(" applies: ")[0] for line in listed] == [f"If {each.id}" for each in license_.entries]
            assert sum(line.count("(LicenseRef-") for line in listed) == len(duties)
            assert sum("To watch" in line for line in listed) == len({each.license for each in watched})
        assert describe_duties(license_).startswith(f"{len(duties)} duties")
        assert describe_duties(license_).endswith(f"; {len(watched)} {points}")
        allowed = replace(license_, permission=Answer.ALLOW, answers=())
        assert f"permits the planned use, with {len(duties)} duties." in answer_use(allowed).reason


def test_next_step_names_what_to_read_whom_to_ask_and_the_option_for_a_missing_figure() -> None:
    license_ = build_plain_conclusion()
    because = "A limit to the number of users of X: your own figure is not stated."
    unstated = ("monthly-active-users",)
    capped = UseAnswer(Answer.REVIEW, license_.entries[0].id, "user-cap", because, unstated=unstated)
    doubt = UseAnswer(Answer.REVIEW, "", "conclusion", "README.md states something.")
    place = Location(line=5, key="contact-required")
    asking = Conflict("declared-prose", "README.md states it.", artifact="README.md", location=place)
    fields = {"permission": Answer.REVIEW, "conflicts": (), "acceptance": None}
    step = describe_next_step(replace(license_, answers=(capped,), **fields))
    assert step.startswith("State your number of monthly active users (--mau N). If the terms permit")
    step = describe_next_step(replace(license_, answers=(doubt, capped), **{**fields, "conflicts": (asking,)}))
    assert step.startswith("Read README.md:5. Contact the publisher as README.md:5 demands, before")
    assert step.endswith(f"then the same for licence:{license_.entries[0].id}")
    without = replace(license_, entries=(), answers=(doubt,), **fields)
    assert describe_next_step(without).startswith("Ask the publisher for a licence.")
