"""Keeping what was found about sentences."""

from __future__ import annotations

from modelaudit.licenses.evidence.kept_judgements import keep_judgements


def _make_judge(seen):
    @keep_judgements
    def judge(sentence: str, kind: str = "card") -> str:
        seen.append((sentence, kind))
        return f"{kind}: {sentence}"

    return judge


def test_sentence_is_judged_once_for_the_same_arguments():
    seen = []
    judge = _make_judge(seen)
    assert [judge("no sale"), judge("no sale"), judge("no sale", kind="notice")] == [
        *("card: no sale", "card: no sale"),
        "notice: no sale",
    ]
    assert seen == [("no sale", "card"), ("no sale", "notice")]


def test_long_sentence_is_not_kept():
    seen = []
    judge = _make_judge(seen)
    sentence = "no sale " * 200
    assert judge(sentence) == judge(sentence)
    assert len(seen) == 2
