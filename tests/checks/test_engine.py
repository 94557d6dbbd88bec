from __future__ import annotations

from dataclasses import replace

from modelaudit.catalogue import load_catalogue
from modelaudit.checks.engine import RuleIndex, collect_findings, index_rules, judge_subjects
from modelaudit.model.catalogue import FindingRule, Matcher, Scalar, Subject
from modelaudit.model.finding import CheckFamily, Confidence, Rule, Severity
from modelaudit.model.structure import Location


def rule(
    id_: str = "test/rule", on: str = "thing", message: str = "It is {name}.", **where: tuple[Scalar, ...]
) -> FindingRule:
    text = Rule(id_, "t", CheckFamily.SECURITY, Severity.HIGH, Confidence.HIGH, "w", "f", (), (), "0.1.0")
    return FindingRule(text, (Matcher(on, tuple(where.items())),), message)


def subject(key: str = "k", artifact: str = "a", kind: str = "thing", **fields: Scalar) -> Subject:
    return Subject(kind, artifact, {"name": "n", **fields}, key, Location(offset=1), (f"evidence of {key}",))


def run(subjects: list[Subject], *rules: FindingRule) -> list[str]:
    return [
        f"{found.rule} {found.artifact} {found.message}"
        for found in collect_findings(subjects, {r.rule.id: r for r in rules}, set(CheckFamily))
    ]


def test_every_field_must_have_one_of_the_values() -> None:
    wanted = rule(name=("n", "m"), count=(1,))
    assert run([subject(count=1)], wanted) == ["test/rule a It is n."]
    assert run([subject(count=2)], wanted) == []
    assert run([subject()], wanted) == []
    assert run([subject(kind="other", count=1)], wanted) == []


def test_a_boolean_is_no_number() -> None:
    assert run([subject(flag=True)], rule(flag=(1,))) == []
    assert run([subject(flag=1)], rule(flag=(True,))) == []


def test_families_choose() -> None:
    assert not collect_findings([subject()], {"test/rule": rule()}, {CheckFamily.LICENSE})


def test_hostile_fields_are_text_in_a_message() -> None:
    assert run([subject(name="{name.__class__} {0}")], rule()) == ["test/rule a It is {name.__class__} {0}."]


def test_equal_subjects_make_one_finding_with_all_evidence() -> None:
    (found,) = collect_findings([subject(), subject()], {"test/rule": rule()}, set(CheckFamily))
    assert found.evidence == ("evidence of k", "evidence of k")


def test_fingerprints_depend_on_rule_path_and_key_only() -> None:
    first = collect_findings([subject()], {"test/rule": rule()}, set(CheckFamily))[0]
    other = collect_findings([subject(name="m")], {"test/rule": rule(message="Another sentence.")}, set(CheckFamily))[0]
    moved = collect_findings([subject(artifact="b")], {"test/rule": rule()}, set(CheckFamily))[0]
    assert first.fingerprint == other.fingerprint
    assert first.fingerprint != moved.fingerprint


def test_a_flood_of_findings_is_counted_and_does_not_bury_others() -> None:
    flood = [subject(key=f"k{number:05}") for number in range(5000)]
    found = collect_findings(
        [*flood, subject(kind="other")], {"a/b": rule("a/b"), "c/d": rule("c/d", on="other")}, set(CheckFamily)
    )
    assert len(found) == 201
    assert any("4800 further" in line for one in found for line in one.evidence)
    assert any(one.rule == "c/d" for one in found)


def test_a_flood_over_the_members_of_one_archive_is_one_flood() -> None:
    flood = [subject(artifact=f"a.zip!{number:05}") for number in range(3000)]
    assert len(collect_findings(flood, {"a/b": rule("a/b")}, set(CheckFamily))) == 200


def test_evidence_is_bounded() -> None:
    (found,) = collect_findings([subject() for _ in range(500)], {"test/rule": rule()}, set(CheckFamily))
    assert len(found.evidence) == 21
    assert found.evidence[-1] == "and 480 more"


def test_a_message_is_one_line_whatever_a_name_holds():
    found = collect_findings([Subject("mention", "a.rds", {"name": "two\nlines\x00", "standing": "unlisted"}, "k")],
                  {"x/y": rule(message="It relies on {name}.", on="mention")}, [CheckFamily.SECURITY])  # fmt: skip
    assert [each.message for each in found] == ["It relies on two\\nlines\\x00."]


def test_a_rule_with_two_fitting_matchers_fires_once() -> None:
    twice = replace(rule(), match=(Matcher("thing", (("name", ("n",)),)), Matcher("thing")))
    (found,) = collect_findings([subject()], {"test/rule": twice}, set(CheckFamily))
    assert found.evidence == ("evidence of k",)


def test_a_subject_is_held_only_against_rules_that_ask_for_its_value() -> None:
    asked: list[str] = []

    class Fields(dict[str, Scalar]):
        def get(self, key: str, default: object = None) -> Scalar:  # type: ignore[override]
            asked.append(key)
            return super().get(key)

    rules = {f"test/rule{number}": rule(f"test/rule{number}", word=(f"w{number}",)) for number in range(1000)}
    found = RuleIndex(rules, set(CheckFamily)).select_rules(Subject("thing", "a", Fields(word="w7"), "k"))
    assert [each.rule.id for each in found] == ["test/rule7"]
    assert asked == ["word", "word"]


def test_every_shipped_rule_is_found_by_the_values_that_it_asks_for() -> None:
    catalogue = load_catalogue()
    dispatch = RuleIndex(catalogue.findings, set(CheckFamily))
    for each in catalogue.findings.values():
        for matcher in each.match:
            for place in range(max((len(values) for _, values in matcher.where), default=1)):
                fields = {field: values[place % len(values)] for field, values in matcher.where}
                assert each in dispatch.select_rules(Subject(matcher.subject, "a", fields, "k"))


def test_rules_are_laid_out_once_for_the_scans_that_share_them() -> None:
    rules = {"test/rule": rule()}
    first = index_rules(rules, [CheckFamily.SECURITY])
    assert index_rules(rules, [CheckFamily.SECURITY]) is first
    other = index_rules(rules, [CheckFamily.LICENSE])
    assert other is not first and not judge_subjects([subject()], other).findings
    assert not index_rules({}, [CheckFamily.SECURITY]).select_rules(subject())
    assert index_rules(rules, [CheckFamily.SECURITY]).select_rules(subject())
