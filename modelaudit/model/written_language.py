"""Name the language of a sentence that a reader of English may not know, by its letters and its commonest words."""

from __future__ import annotations

from functools import cache
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_LETTER: Final = defer_pattern(r"[^\W\d_]")
_SCRIPTS: Final = (
    # A sentence with few kana is Japanese, although most of its letters are those of Chinese.
    ("Japanese", defer_pattern("[\u3040-\u30ff]"), 0.1),
    ("Korean", defer_pattern("[\u1100-\u11ff\uac00-\ud7af]"), 0.2),
    ("Chinese", defer_pattern("[\u3400-\u9fff\uf900-\ufaff]"), 0.2),
    ("Ukrainian", defer_pattern("[іїєґІЇЄҐ]"), 0.02),
    ("Russian", defer_pattern("[ыэёЫЭЁ]"), 0.01),
    ("a language in Cyrillic letters", defer_pattern("[\u0400-\u04ff]"), 0.2),
    ("Persian", defer_pattern("[\u067e\u0686\u0698\u06af]"), 0.01),
    ("Arabic", defer_pattern("[\u0600-\u06ff]"), 0.2),
    ("Hebrew", defer_pattern("[\u0590-\u05ff]"), 0.2),
    ("Greek", defer_pattern("[\u0370-\u03ff]"), 0.2),
    ("Thai", defer_pattern("[\u0e00-\u0e7f]"), 0.2),
    ("Bengali", defer_pattern("[\u0980-\u09ff]"), 0.2),
    ("a language in Devanagari letters, such as Hindi", defer_pattern("[\u0900-\u097f]"), 0.2),
)
"""Name, letters, and the share of them among all letters from which a sentence is in that language."""
_WORD: Final = defer_pattern(r"[^\W\d_]+")
_ENGLISH: Final = (
    "the of and is are for to only may not use used in this be by with or you must commercial model licence license "
    "research no permission allowed"
)
_COMMON_WORDS: Final = {
    "German": (
        "der die das dieses und nicht nur für ist darf dürfen werden von zu mit auf eine dem den oder bei "
        "kommerzielle kommerziell nutzung verboten untersagt lizenz forschung modell ohne"
    ),
    "French": (
        "le les des est pour une et dans pas que du sont ce cette uniquement usage avec sans ou il "
        "commercial commerciale interdit interdite recherche licence modèle utilisation"
    ),
    "Spanish": (
        "el los las es para una y no que del con este solo está uso sin o se comercial prohibido "
        "prohibida investigación licencia modelo"
    ),
    "Portuguese": (
        "o os as é para uma e não que do da com este apenas uso sem ou no na comercial proibido proibida "
        "pesquisa licença modelo"
    ),
    "Italian": (
        "il lo gli è per una e non che del della con questo solo uso senza o di commerciale commerciali "
        "vietato vietata ricerca licenza modello fini scopi"
    ),
    "Dutch": (
        "de het een en niet voor is van te met dit alleen wordt gebruik mag zonder of commercieel "
        "commerciële verboden onderzoek licentie"
    ),
    "Polish": (
        "i w na do nie jest dla tylko się oraz przez użytku z lub ten komercyjne komercyjnego zabronione "
        "celów badawczych licencja modelu"
    ),
    "Turkish": "ve bir bu için sadece değil ile veya olarak edilemez ticari lisans modeli izin ticari lisans",
    "Vietnamese": "và cho của không chỉ được này là trong với mục đích thương mại cấm nghiên cứu mô hình",
    "Indonesian": (
        "dan untuk yang tidak hanya ini dengan dari atau penggunaan boleh di komersial dilarang "
        "penelitian lisensi model"
    ),
    "Swedish": (
        "och för inte är endast bara en av med som får eller användas den till kommersiell kommersiellt "
        "förbjuden forskning licens modellen"
    ),
    "Danish or Norwegian": (
        "og ikke er kun bare til af av med som må eller brukes bruges den for kommersiell kommerciel "
        "forbudt forskning lisens licens modellen"
    ),
    "Czech": ("a pro není je pouze jen na se s nebo použití tento v komerční zakázáno výzkum účely licence model"),
    "Romanian": (
        "și pentru nu este numai doar de cu sau în acest modelul comercială comercial interzis interzisă "
        "cercetare licență"
    ),
    "Hungarian": "a az és nem csak célra használható ez egy vagy számára kereskedelmi tilos kutatási licenc modell",
}
"""Words between others in each language, and words of sentences on licences."""
_FEWEST_WORDS: Final = 2


@cache
def _index_words() -> dict[str, frozenset[str]]:
    """Split the commonest words of each language once."""
    return {name: frozenset(words.split()) for name, words in _COMMON_WORDS.items()}


def name_foreign_language(sentence: str) -> str:
    """Name the language of a sentence, such as ``Chinese``; empty for English, and where it cannot be told.

    Args:
        sentence: of any length; names and addresses in Latin letters may occur in it.
    """
    number = sum(1 for _ in _LETTER.finditer(sentence))
    for name, letters, share in _SCRIPTS:
        own = sum(1 for _ in letters.finditer(sentence))
        if own and own >= share * number:
            return name
    words = {each[0].lower() for each in _WORD.finditer(sentence)}
    counts = {name: len(words & common) for name, common in _index_words().items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _FEWEST_WORDS and counts[best] > len(words.intersection(_ENGLISH.split())) else ""
