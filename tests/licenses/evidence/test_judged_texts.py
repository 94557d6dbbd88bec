"""The judgements of texts are kept for equal texts under one rule set."""

from __future__ import annotations

from support.catalogue import load_shipped

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.evidence import judged_texts
from modelaudit.licenses.evidence.judged_texts import JudgedText, JudgedTexts, judge_text
from modelaudit.model.copies import replace
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.license import LicenseClaim
from modelaudit.model.restrictions import Restrictions

RULES = load_shipped()
CARD = Prose(ProseKind.CARD, "# Otter\n\nYou may not use this model in the European Union.\n", 4)


def judge(prose: Prose = CARD, address: str = "README.md", rules=RULES, restrictions: int = 0) -> JudgedText:
    return judge_text(prose, address, rules, load_fingerprints(), restrictions)


def count_judgements(monkeypatch) -> list[str]:
    """Return a list that gains the address of each text that is judged anew."""
    addresses = []
    original = judged_texts._TextJudge.judge

    def count(self):
        addresses.append(self.address)
        return original(self)

    monkeypatch.setattr(judged_texts._TextJudge, "judge", count)
    monkeypatch.setattr(judged_texts, "_JUDGED", JudgedTexts())
    return addresses


def test_an_equal_text_is_judged_once(monkeypatch):
    addresses = count_judgements(monkeypatch)
    first, second = judge(), judge(replace(CARD, text=f"{CARD.text}"))
    assert first is second
    assert [claim.location.line for claim in first.limits] == [6]
    assert addresses == ["README.md"]


def test_a_judgement_depends_on_the_place_the_kind_and_the_sentences_before(monkeypatch):
    addresses = count_judgements(monkeypatch)
    others = [
        judge(address="docs/README.md"),
        judge(replace(CARD, first_line=1)),
        judge(replace(CARD, kind=ProseKind.LICENSE)),
        judge(replace(CARD, unread="its end was not read")),
        judge(restrictions=11),
    ]
    assert len(addresses) == len(others)
    assert all(other != judge() for other in others[:4])


def test_a_text_is_judged_anew_under_other_rules(monkeypatch):
    count_judgements(monkeypatch)
    assert judge().limits
    assert not judge(rules=replace(RULES, restrictions=Restrictions())).limits
    assert judge().limits


def test_a_long_text_is_judged_each_time(monkeypatch):
    addresses = count_judgements(monkeypatch)
    long = replace(CARD, text=CARD.text + "The otter swims. " * 16_000)
    assert judge(long) == judge(long)
    assert len(addresses) == 2


def test_the_judgements_kept_have_a_bound():
    kept = JudgedTexts()
    claim: LicenseClaim = judge().limits[0]
    for number in range(1_100):
        kept.keep(RULES, number, JudgedText((), (claim,), ()))
    kept.keep(RULES, "many", JudgedText((), (claim,) * 101, ()))
    found = [number for number in range(1_100) if kept.find(RULES, number) is not None]
    assert found == list(range(100, 1_100))
    assert kept.find(RULES, "many") is None
    for number in range(120):
        kept.keep(RULES, number, JudgedText((claim,) * 50, (claim,) * 50, ()))
    found = [number for number in range(1_100) if kept.find(RULES, number) is not None]
    assert found == list(range(20, 120))
