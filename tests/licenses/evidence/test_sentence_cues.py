"""Sentences about terms: which restrict, which agree with an ordinary licence, and which forbid a planned use."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.cases import check_each
from support.catalogue import load_shipped
from support.work import count_work, find_growth_fault

from modelaudit.catalogue.document import read_document
from modelaudit.catalogue.restrictions import read_restrictions
from modelaudit.licenses.conclusion.likely_denials import DenialFinder
from modelaudit.licenses.evidence.restriction_sentences import find_restrictions
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.restrictions import SentenceWeights
from modelaudit.model.terms import Intent, Use

SENTENCES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("sentences.yaml").read_text("utf-8"))
EVERY_USE = dict.fromkeys(Use, True)


def is_noticed(sentence: str) -> bool:
    return any(find_restrictions(sentence, 1, "README.md", load_shipped().restrictions))


@pytest.mark.parametrize(("language", "rate"), [("english", 0.95), ("chinese", 0.95), ("others", 0.85)])
def test_restricting_sentences_are_noticed(language: str, rate: float) -> None:
    missed = [sentence for sentence in SENTENCES[language] if not is_noticed(sentence)]
    assert 1 - len(missed) / len(SENTENCES[language]) >= rate, missed


def test_listed_words_leave_harmless_sentences_quiet() -> None:
    """By signs and cues alone; ``test_sentence_weights.py`` holds the rate of the score."""
    restrictions = load_shipped().restrictions
    listed = replace(restrictions, weights=SentenceWeights())
    alarms = [each for each in SENTENCES["harmless"] if any(find_restrictions(each, 1, "README.md", listed))]
    assert len(alarms) / len(SENTENCES["harmless"]) <= 0.03, alarms


@pytest.mark.parametrize(
    "sentence",
    [
        "Licensed under the Apache License 2.0, but companies in the EU may not use it.",
        "Commercial use is permitted for partners of Acme; others need a contract.",
        "We do not require registration, except that companies must sign an agreement with us.",
        "Unlike our earlier models, this one must not be used by competitors.",
        "Please cite our paper; use of the weights by government agencies is prohibited.",
        "Do you work for a company? Then you need a licence from us.",
        "See the LICENSE file, which does not cover the weights.",
        "We do not permit the use of this model in weapons.",
        "We do not tolerate commercial use of these weights.",
        "We will not have anyone sell the checkpoint.",
        "We do not like to see this model used commercially, and we enforce our rights.",
        "Unlike study, commercial use of the checkpoint is forbidden.",
        "Compared with study commercial use of the checkpoint needs a signed contract.",
        "Commercial use of the checkpoint is forbidden, is that clear?",
        "May I remind you that commercial use of the checkpoint is prohibited?",
        "Who sells the weights violates our terms, ok?",
        "In terms of commercial use: none.",
        "The checkpoint may be used for illustration purposes only.",
        "Model under an MIT style license for pupils.",
    ],
)
def test_agreement_in_a_sentence_hides_no_restriction_beside_it(sentence: str) -> None:
    assert is_noticed(sentence)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("For non-com\u00admer\u00adcial use.", 1),
        ("T h e  m o d e l  i s  f o r  n o n - c o m m e r c i a l  u s e  o n l y .", 1),
        ("| Use | Allowed |\n|---|---|\n| Study | ✓ |\n| Commercial use | ✗ |\n", 4),
        ("| Commercial | no |\n", 1),
        ("Commercial: 🚫\n\nStudy: ✅\n", 1),
        ("- ❌ Redistribution\n", 1),
        ("## Licence\n\nNC\n", 3),
        ("CC-NC", 1),
        ("Do not deploy in military systems.", 1),
        ("Do not run it in hospitals.", 1),
        ("仅限学生。", 1),
        ("本模型禁商", 1),
        ("Das Modell bleibt Hochschulen vorbehalten.", 1),
        ("Questo modello non può essere usato per scopi commerciali.", 1),
        ("Tego modelu nie wolno używać do celów komercyjnych.", 1),
        ("Het model mag niet commercieel worden gebruikt.", 1),
        ("Bruk i næringsvirksomhet er ikke tillatt.", 1),
        ("Model ticari amaçla kullan\u0131lamaz.", 1),
        ("Không được dùng mô hình cho mục đích thương mại.", 1),
        ("لا يجوز استخدام النموذج لأغراض تجارية.", 1),
        ("A model.\n\nUse of\n\nthis model for\n\ncommercial ends is\n\nforbidden.\n", 3),
    ],
)
def test_form_of_a_restriction_does_not_hide_it(text: str, line: int) -> None:
    found = list(find_restrictions(text, 1, "README.md", load_shipped().restrictions))
    assert [claim.location.line for claim in found] == [line]


@pytest.mark.parametrize(
    "text",
    [
        "| Commercial use | ✅ |\n",
        "| Study ❌ | Commercial ✅ |\n",
        "- ✅ Commercial use\n",
        "Accuracy: ❌",
        "Unlike it,\n\nthis is small.",
    ],
)
def test_marks_that_forbid_nothing_raise_no_doubt(text: str) -> None:
    assert not is_noticed(text)


def test_heading_and_the_line_below_it_are_sentences_of_their_own() -> None:
    text = "## Model License\nThe weights are under the Apache License 2.0.\n\n## Terms\nCompetitors may not use it.\n"
    found = list(find_restrictions(text, 1, "README.md", load_shipped().restrictions))
    assert [(claim.location.line, claim.quotation) for claim in found] == [(5, "Competitors may not use it.")]


@pytest.mark.parametrize(
    ("sentence", "intent", "plan"),
    [
        ("Use in the European Union is not permitted.", Intent(territories=("DE",)), "includes DE"),
        ("Use in the European Union is not permitted.", Intent(territories=("JP",)), ""),
        ("The model may be used worldwide, except in Japan.", Intent(territories=("JP",)), "includes JP"),
        ("Use is restricted to Japan.", Intent(territories=("EU",)), "includes EU"),
        ("Use is restricted to Japan.", Intent(territories=("JP",)), ""),
        ("It may not be used outside Japan.", Intent(territories=("US",)), "includes US"),
        ("禁止在欧盟境内使用本模型。", Intent(territories=("FR",)), "includes FR"),
        ("The model must not be used for military purposes.", Intent(field="military"), "is in the field military"),
        ("The model must not be used for military purposes.", Intent(field="general"), ""),
        ("For non-commercial use only.", Intent(uses={Use.COMMERCIAL: True}), "is commercial"),
        ("For non-commercial use only.", Intent(uses={Use.COMMERCIAL: False}), ""),
        ("The model is for research purposes only.", Intent(uses={Use.HOSTED_SERVICE: True}), "hosts the model"),
        ("You may not redistribute the weights.", Intent(uses={Use.REDISTRIBUTE: True}), "gives copies to others"),
        ("Fine-tuning of the weights is forbidden.", Intent(uses={Use.FINE_TUNE: True}), "fine-tunes the model"),
        ("Companies with a revenue above $1,000,000 must buy a licence.", Intent(annual_revenue_usd=2e6), "above that"),
        ("Companies with a revenue above $5M must buy a licence.", Intent(annual_revenue_usd=2e6), ""),
        ("For commercial use, please contact us.", Intent(uses=EVERY_USE), ""),
        # A prohibition for one field denies no commercial use in another.
        ("The model may not be used by companies that offer credit.", Intent(uses=EVERY_USE, field="general"), ""),
        (
            "The model may not be used by companies that offer credit.",
            Intent(uses=EVERY_USE, field="credit-and-insurance"),
            "is in the field credit and insurance",
        ),
        # An act for which the model is used is no act on its weights.
        ("You may not use the model to share false claims.", Intent(uses={Use.REDISTRIBUTE: True}), ""),
    ],
)
def test_sentence_that_forbids_a_planned_use_is_a_likely_denial(sentence: str, intent: Intent, plan: str) -> None:
    rules = load_shipped()
    claims = list(find_restrictions(sentence, 7, "README.md", rules.restrictions))
    assert claims
    denials = DenialFinder(intent, rules.restrictions, rules.clauses).describe_likely_denials(claims)
    if not plan:
        assert not denials
        return
    [description] = denials.values()
    language = ", in Chinese," if sentence.startswith("禁止") else ""
    assert description.startswith(f"The model card says at line 7{language} “{sentence}”, and your planned use ")
    assert plan in description
    assert description.endswith(": probably denied.")


def test_every_topic_is_a_fact_that_a_planned_use_can_state() -> None:
    rules = load_shipped()
    for topic, _ in rules.restrictions.cues.topics:
        kind, _, value = topic.partition(":")
        known = {
            "place": rules.clauses.is_known_territory(value),
            "use": value in set(Use),
            # Gain from a crime is a field that no planned use states.
            "field": value in (*rules.clauses.fields, "crime"),
            "amount": value in ("revenue", "users"),
        }
        assert known.get(kind, kind in ("excepting", "without-pay", "forbidding")), topic


@check_each(
    "words", ["may not model ", "license ", "we do not ", "permission is hereby granted ", "\u7981\u6b62\u6a21\u578b"]
)
def test_card_of_repeated_words_of_terms_is_searched_in_linear_work(words: str) -> None:
    restrictions = load_shipped().restrictions

    def search(characters: int) -> None:
        list(find_restrictions(words * (characters // len(words)), 1, "README.md", restrictions))

    search(100)  # builds the index of the vocabularies
    assert find_growth_fault(lambda characters: count_work(lambda: search(characters)), 3000) == ""


CUES: dict[str, object] = {
    "ordinary": {"names": ["apache"], "tail": "x?"},
    "agreements": ["under ORDINARY"],
    "vocabularies": {"forbid": ["may|must not"], "model": ["model", ["模型"]]},
    "combinations": {"other-terms": ["forbid + model - forbid ~3"]},
    "exempt": ["data"],
    "topics": {"place:EU": ["eu"]},
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"combinations": {"unknown": ["forbid"]}}, "combinations.unknown: is not a kind of restrictions.yaml"),
        ({"combinations": {"other-terms": ["forbid + place"]}}, "'place' is not a vocabulary of the file"),
        ({"combinations": {"other-terms": ["forbid ~"]}}, "'forbid ~' is not of the form 'a|b + c - d ~9'"),
        ({"agreements": ["("]}, "agreements: '(' is not a regular expression"),
    ],
)
def test_malformed_cues_are_refused_with_their_place(change: dict[str, object], fault: str, tmp_path: Path) -> None:
    kinds = load_shipped().clauses.kinds
    signs = "stems: x\nsigns: {other-terms: {clauses: []}}\nunless: [x]\nbut: x\n"

    def read(cues: dict[str, object]) -> None:
        paths = tmp_path / "restrictions.yaml", tmp_path / "cues.yaml"
        paths[0].write_text(signs, "utf-8")
        paths[1].write_text(yaml.safe_dump(cues, allow_unicode=True), "utf-8")
        restrictions, cue_document = (read_document(path, path.name) for path in paths)
        read_restrictions([restrictions], [cue_document], [], [], [], kinds)

    read(CUES)
    with pytest.raises(ConfigurationError) as caught:
        read({**CUES, **change})
    assert fault in str(caught.value)
