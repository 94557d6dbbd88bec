"""Tell names of holders in other languages from conditions in them.

A licence text is English, and so are the words that limit it elsewhere in this package. A copyright line may carry the
name of a person or an institute in any script: *東京大学*, *Институт проблем управления*, *Université de Nantes*.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_HOLDER_LINE = defer_pattern(r"\W*(?:copyright\b|©|\(c\)|(?:19|20)\d\d\b)", re.IGNORECASE)
_MOST_CHARACTERS = 120
_SCRIPTS = defer_pattern(r"[\u0400-\u04ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_TERMS: Final = defer_pattern(
    # Chinese and Japanese; 有限公司 is a limited company.
    r"禁|不[得可准能许許]|非商|非[营營営]利|商用|商[业業](?:用途|目的|利用|使用)|[仅僅]|(?<!有)限|勿|[专專]用|[学學][术術]用|研究(?:用|目的|のみ|に限)"
    r"|のみ|だけ|[许許]可|授[权權]|[售卖賣]|[军軍]|免[费費]|付[费費]|有[償偿]|無償|未満|まで|貸|借|期限|内部|机密|機密"
    # Korean.
    r"|금지|상업|영리|전용|한정|연구용|교육용|허가|제한|라이선스|동의|목적|유료|무료|대여|내부|기밀|까지"
    # Russian.
    r"|только|запре[щт]|коммерч|нельзя|разреш|лиценз|цел(?:ей|ях|и)\b|платн|кроме|\bбез\b|\bдля\b|\bвне\b|\bдо\b|внутрен|секрет"  # noqa: RUF001
    # German, French, Spanish and Italian.
    r"|\b(?:nur|nicht|kein\w*|ohne|außer|sauf|seulement|uniquement|sans|solo|sólo|solamente|únicamente|soltanto|excepto|sin)\b",
    re.IGNORECASE,
)
"""Words that limit, by which a line is no name alone."""
_INSTITUTES = defer_pattern(
    r"\b(?:universit\w+|universidad\w*|laborato\w+|institut\w*|istituto|facult\w+|fakultät|centro|centre|zentrum|école"
    r"|escuela|politecnic\w+|hochschule|département|departamento|ministère|akademie|académie)\b",
    re.IGNORECASE,
)


def is_foreign_name(words: Words, position: int) -> bool:
    """Whether a word is part of a name in another script, or of an institute in a Romance language or German.

    The line has to begin like a copyright statement, be short, and hold no word that limits in these languages. Words
    that limit in English are judged one by one elsewhere.
    """
    start = words.text.rfind("\n", 0, words.find_start(position)) + 1
    end = words.text.find("\n", start)
    line = words.text[start : end if end >= 0 else None]
    if len(line) > _MOST_CHARACTERS or not _HOLDER_LINE.match(line) or _TERMS.search(line):
        return False
    word = words.words[position]
    return bool(_SCRIPTS.search(word)) or (not word.isascii() and bool(_INSTITUTES.search(line)))
