from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from support.catalogue import load_shipped

from modelaudit.checks.engine import BRIEF, RuleIndex, collect_findings, index_rules, judge_subjects
from modelaudit.model.catalogue import FindingRule, Matcher, Scalar, Subject
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Confidence, Rule, Severity
from modelaudit.model.structure import Location, UnreadReason


def make_rule(
    id_: str = "test/rule", subject: str = "thing", message: str = "It is {name}.", **where: tuple[Scalar, ...]
) -> FindingRule:
    """Return a security rule that matches subjects of the kind ``subject`` whose fields have one of the values in ``where``."""
    text = Rule(id_, "t", CheckFamily.SECURITY, Severity.HIGH, Confidence.HIGH, "w", "f", (), (), "0.1.0")
    return FindingRule(text, (Matcher(subject, tuple(where.items())),), message)


def make_subject(key: str = "k", artifact: str = "a", kind: str = "thing", **fields: Scalar) -> Subject:
    """Return a subject with one line of evidence and the given fields besides ``name``."""
    return Subject(kind, artifact, {"name": "n", **fields}, key, Location(offset=1), (f"evidence of {key}",))


def describe_findings(subjects: list[Subject], *rules: FindingRule) -> list[str]:
    """Return rule id, artifact and message of each finding that the rules make of the subjects."""
    return [
        f"{finding.rule} {finding.artifact} {finding.message}"
        for finding in collect_findings(subjects, {rule.rule.id: rule for rule in rules}, set(CheckFamily))
    ]


def test_matcher_matches_only_if_each_of_its_fields_has_a_listed_value() -> None:
    wanted = make_rule(name=("n", "m"), count=(1,))
    assert describe_findings([make_subject(count=1)], wanted) == ["test/rule a It is n."]
    assert describe_findings([make_subject(count=2)], wanted) == []
    assert describe_findings([make_subject()], wanted) == []
    assert describe_findings([make_subject(kind="other", count=1)], wanted) == []


def test_matcher_distinguishes_a_boolean_from_an_equal_number() -> None:
    assert describe_findings([make_subject(flag=True)], make_rule(flag=(1,))) == []
    assert describe_findings([make_subject(flag=1)], make_rule(flag=(True,))) == []


def test_rule_makes_no_finding_if_its_check_family_is_not_selected() -> None:
    assert not collect_findings([make_subject()], {"test/rule": make_rule()}, {CheckFamily.LICENSE})


def test_braces_in_the_value_of_a_field_appear_unchanged_in_the_message() -> None:
    assert describe_findings([make_subject(name="{name.__class__} {0}")], make_rule()) == [
        "test/rule a It is {name.__class__} {0}."
    ]


def test_two_equal_subjects_make_one_finding_with_the_evidence_of_both() -> None:
    (finding,) = collect_findings([make_subject(), make_subject()], {"test/rule": make_rule()}, set(CheckFamily))
    assert finding.evidence == ("evidence of k", "evidence of k")


def find_fingerprint(subject: Subject, rule: FindingRule) -> str:
    """Return the fingerprint of the one finding that the rule makes of the subject."""
    (finding,) = collect_findings([subject], {rule.rule.id: rule}, set(CheckFamily))
    return finding.fingerprint


def test_finding_fingerprint_depends_on_rule_id_artifact_and_key_but_not_on_name_or_message() -> None:
    first = find_fingerprint(make_subject(), make_rule())
    assert find_fingerprint(make_subject(name="m"), make_rule(message="Another sentence.")) == first
    others = [
        find_fingerprint(make_subject(), make_rule("test/other")),
        find_fingerprint(make_subject(artifact="b"), make_rule()),
        find_fingerprint(make_subject(key="l"), make_rule()),
    ]
    assert len({first, *others}) == 4


def test_match_by_an_unselected_family_prevents_absence_if_unmatched_but_not_absence_always() -> None:
    rule = make_rule()
    other_family = replace(rule, rule=replace(rule.rule, check=CheckFamily.LICENSE))
    index = RuleIndex({"test/rule": other_family}, {CheckFamily.SECURITY})
    always = replace(make_subject(), absence_always=UnreadReason.UNVERIFIED)
    judged = judge_subjects([always], index)
    assert [(address, unread.reason) for address, unread in judged.absences] == [("a", UnreadReason.UNVERIFIED)]
    unmatched = replace(make_subject(), absence_if_unmatched=UnreadReason.UNVERIFIED)
    assert judge_subjects([unmatched], index).absences == ()


def test_findings_of_a_rule_beyond_the_bound_are_only_counted_and_other_rules_still_report() -> None:
    flood = [make_subject(key=f"k{number:05}") for number in range(5000)]
    findings = collect_findings(
        [*flood, make_subject(kind="other")],
        {"a/b": make_rule("a/b"), "c/d": make_rule("c/d", subject="other")},
        set(CheckFamily),
    )
    # The bound is 200 findings of one rule in a file.
    assert [finding.rule for finding in findings] == ["a/b"] * 200 + ["c/d"]
    assert any("4800 further" in line for finding in findings for line in finding.evidence)


@pytest.mark.parametrize(
    "key, unmatched_absence, most_alive",
    [("k{:05}", None, 202), ("k{:05}", UnreadReason.UNJUDGED, 202), ("k", None, 3), ("k", UnreadReason.UNJUDGED, 3)],
)
def test_subjects_beyond_the_bound_on_findings_and_equal_ones_are_not_kept(
    key: str, unmatched_absence: UnreadReason | None, most_alive: int
) -> None:
    alive = []

    def make_flood() -> Iterator[Subject]:
        """Yield many subjects, and then count those that are still in use."""
        before = sum(isinstance(each, Subject) for each in gc.get_objects())
        for number in range(2000):
            subject = make_subject(key=key.format(number))
            yield (
                replace(subject, kind="other", absence_if_unmatched=unmatched_absence) if unmatched_absence else subject
            )
        alive.append(sum(isinstance(each, Subject) for each in gc.get_objects()) - before)

    judged = judge_subjects(make_flood(), RuleIndex({"a/b": make_rule("a/b")}, set(CheckFamily)))
    assert judged.absences if unmatched_absence else judged.findings
    assert alive[0] <= most_alive


def test_findings_of_one_rule_are_bounded_across_all_members_of_an_archive() -> None:
    flood = [make_subject(artifact=f"a.zip!{number:05}") for number in range(3000)]
    # The bound of 200 holds for the file, which is the archive.
    assert len(collect_findings(flood, {"a/b": make_rule("a/b")}, set(CheckFamily))) == 200


def test_evidence_of_a_finding_is_bounded_and_ends_with_the_number_of_omitted_items() -> None:
    (finding,) = collect_findings([make_subject() for _ in range(500)], {"test/rule": make_rule()}, set(CheckFamily))
    assert len(finding.evidence) == 20 + 1
    assert finding.evidence[-1] == "and 480 more"


def test_brief_finding_shows_two_lines_of_evidence_and_no_listing() -> None:
    subjects = [replace(make_subject(), listing=("> 0 GLOBAL",)) for _ in range(5)]
    (finding,) = judge_subjects(subjects, RuleIndex({"test/rule": make_rule()}, set(CheckFamily)), BRIEF).findings
    assert finding.evidence == ("evidence of k", "evidence of k", "and 3 more")


def test_line_break_in_a_name_is_escaped_in_the_message():
    findings = collect_findings([Subject("mention", "a.rds", {"name": "two\nlines\x00", "standing": "unlisted"}, "k")],
                  {"x/y": make_rule(message="It relies on {name}.", subject="mention")}, [CheckFamily.SECURITY])  # fmt: skip
    assert [each.message for each in findings] == ["It relies on two\\nlines\\x00."]


def test_rule_fires_once_for_a_subject_that_two_of_its_matchers_match() -> None:
    twice = replace(make_rule(), match=(Matcher("thing", (("name", ("n",)),)), Matcher("thing")))
    (finding,) = collect_findings([make_subject()], {"test/rule": twice}, set(CheckFamily))
    assert finding.evidence == ("evidence of k",)


def test_rule_index_compares_a_subject_only_with_rules_that_share_one_of_its_values() -> None:
    requested_fields: list[str] = []

    class RecordingFields(dict[str, Scalar]):
        def get(self, key: str, default: object = None) -> Scalar:  # type: ignore[override]
            requested_fields.append(key)
            return super().get(key)

    rules = {f"test/rule{number}": make_rule(f"test/rule{number}", word=(f"w{number}",)) for number in range(1000)}
    selected = RuleIndex(rules, set(CheckFamily)).select_rules(Subject("thing", "a", RecordingFields(word="w7"), "k"))
    assert [each.rule.id for each in selected] == ["test/rule7"]
    # Once to look up the rules for the value, and once to match the only such rule.
    assert requested_fields == ["word", "word"]


def test_rule_index_selects_each_shipped_rule_for_a_subject_with_the_values_of_its_matcher() -> None:
    catalogue = load_shipped()
    index = RuleIndex(catalogue.findings, set(CheckFamily))
    for rule in catalogue.findings.values():
        for matcher in rule.match:
            # Each value of a field is used once or more; a field with fewer values than another repeats them.
            for position in range(max((len(values) for _, values in matcher.where), default=1)):
                fields = {field: values[position % len(values)] for field, values in matcher.where}
                assert rule in index.select_rules(Subject(matcher.subject, "a", fields, "k"))


def test_scans_with_the_same_rules_and_check_families_share_one_index() -> None:
    rules = {"test/rule": make_rule()}
    first = index_rules(rules, [CheckFamily.SECURITY])
    assert index_rules(rules, [CheckFamily.SECURITY]) is first
    other = index_rules(rules, [CheckFamily.LICENSE])
    assert other is not first
    assert not judge_subjects([make_subject()], other).findings
    assert not index_rules({}, [CheckFamily.SECURITY]).select_rules(make_subject())
    assert index_rules(rules, [CheckFamily.SECURITY]).select_rules(make_subject())
