"""Signs of restrictions in words that the examples teach little: labels, copies, tables and further languages."""

from __future__ import annotations

import pytest
from support.catalogue import load_shipped

from modelaudit.licenses.evidence.restriction_sentences import find_restrictions, match_restriction_sign
from modelaudit.licenses.evidence.sentences import fold_sentence


def find_sign(sentence: str) -> str | None:
    return match_restriction_sign(fold_sentence(sentence), load_shipped().restrictions)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("no-redistribution", "Weights are to be run unmodified."),
        ("no-redistribution", "Use these weights only as published."),
        ("no-redistribution", "No merging, no pruning."),
        ("no-redistribution", "Die Gewichte sind unverändert zu verwenden."),
        ("no-redistribution", "Weiteres Training ist nicht erwünscht."),
        ("no-redistribution", "Дообучение весов запрещено."),
        ("no-redistribution", "Pls dont rehost the files, link to us."),
        ("no-redistribution", "가중치를 제3자와 공유하지 마세요."),
        ("attribution-duty", 'Every fork has to carry a title that starts with "Egret".'),
        ("attribution-duty", "Name your merge as you like, as long as it begins with Egret."),
        ("attribution-duty", 'Pages have to display the words "Made with Egret".'),
        ("attribution-duty", "In jeder App muss sichtbar „Erstellt mit Reiher“ stehen."),
        ("attribution-duty", "Ответы должны содержать «Создано Цаплей»."),
        ("weights-not-covered", "The licence is about the scripts; nothing in it speaks of the .gguf files."),
        ("weights-not-covered", "The tables are kept under the manufacturer's EULA."),
        ("weights-not-covered", "| Gewichte | eigene Lizenz |"),
        ("weights-not-covered", "| веса | особые условия |"),
        ("weights-not-covered", "| 가중치 | 별도 약관 |"),
        ("weights-not-covered", "| 重み | 個別の利用規約 |"),
        ("weights-not-covered", "| 权重 | 单独许可 |"),
        ("weights-not-covered", "| poids | conditions propres |"),
        ("weights-not-covered", "| pesos | licencia propia |"),
        ("party-limit", "Загружать веса могут только жители России."),
        ("party-limit", "Nur Behörden dürfen die Gewichte nutzen."),
        ("party-limit", "Seuls les résidents de Suisse peuvent télécharger les fichiers."),
        ("party-limit", "Solo los ciudadanos de Chile pueden descargar los archivos."),
        ("party-limit", "대한민국 국민만 다운로드할 수 있습니다."),
        ("party-limit", "日本の居住者のみ利用できます。"),
        ("party-limit", "只有中国公民可以下载这些文件。"),
        ("party-limit", "Nobody can use the older files."),
        ("permission-required", "업무에 쓰려면 먼저 허가를 받으세요."),
        ("time-limit", "Purge every copy afterwards."),
        ("time-limit", "Wir können die Freigabe jederzeit zurückziehen."),
        ("time-limit", "Le droit est révocable à tout moment."),
        ("time-limit", "Разрешение может быть отозвано в любой момент."),
        ("purpose-limit", "Never use the model to decide on parole."),
        ("purpose-limit", "Don't use it for decisions with significant effects on people."),
        ("purpose-limit", "Deployment at borders is strictly ruled out."),
        ("patent-limit", "No patent rights of any kind are given."),
        ("unlisted", "Whether the weights may be used commercially is not clear."),
        ("unlisted", "It is unsettled whether models of this kind may be sold."),
        ("unlisted", "The legal position of these weights remains unresolved."),
        ("unlisted", "We did not clear the songs with their publishers."),
        ("unlisted", "Users shall make no attempt to reconstruct the photographs."),
        ("other-terms", "https://hub.example/acme/model/blob/main/ACME-TERMS.md"),
    ],
)  # fmt: skip
def test_restriction_is_known_by_its_sign(kind: str, sentence: str) -> None:
    assert find_sign(sentence) == kind


@pytest.mark.parametrize(
    "sentence",
    [
        "The model can be used as is.",
        "The interface stays as it was.",
        "No training and no labels are needed.",
        'The file name must start with "model-".',
        'The page shows the words "made with care".',
        "Die Lizenz gilt auch für die Gewichte.",
        "Nur zwei Dateien werden gelesen.",
        "Please delete your local copy and clone again.",
        "We do not redistribute the photographs.",
        "Nobody knows the exact number.",
        "It is unclear whether a larger batch helps.",
        "Только два файла нужны для запуска.",
        "회원 가입이 필요하지 않습니다.",
    ],
)
def test_like_sentence_has_no_sign(sentence: str) -> None:
    assert find_sign(sentence) is None


def test_words_that_deny_are_not_outweighed() -> None:
    restrictions = load_shipped().restrictions
    for sentence in (
        "We do not consent to re-uploads in lower bit widths; run the files exactly as they are.",
        "We did not clear the lyrics, so the legal status of the model remains uncertain.",
    ):
        assert any(find_restrictions(sentence, 1, "README.md", restrictions))


def test_negation_without_apostrophe_is_spelled_like_the_other() -> None:
    assert fold_sentence("You cant sell it, and dont share it.") == "you can't sell it, and don't share it."
    assert fold_sentence("The element wants a constant.") == "the element wants a constant."
