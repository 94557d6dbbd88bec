"""Holders of other languages fill the slot of a copyright line; conditions in these languages do not."""

from __future__ import annotations

import re
from importlib.metadata import distribution

import pytest
from support.catalogue import load_shipped

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, recognise_texts

MIT = next(file.read_text("utf-8") for file in distribution("pytest").files or () if file.name == "LICENSE")


def is_named(holder: str) -> bool:
    text = re.sub(r"Copyright.*", f"Copyright (c) 2024 {holder}", MIT, count=1)
    matches = recognise_texts(text, load_fingerprints(), frozenset(load_shipped().licenses))
    return any(match.id == "MIT" and match.likeness is Likeness.EXACT for match in matches)


@pytest.mark.parametrize(
    "holder",
    [
        "北海大学大学院海洋研究科",
        "서울해양연구원",
        "Институт проблем океана",
        "Université de Brest, Laboratoire d'océanographie théorique",
        "Universidad de Cádiz, Facultad de Informática",
        "鯨井 海 (KUJIRAI Kai)",
    ],
)
def test_holder_in_another_language_is_a_name(holder: str) -> None:
    assert is_named(holder)


@pytest.mark.parametrize(
    "condition",
    [
        "商用禁止",
        "仅限学术研究",
        "非営利目的",
        "学術研究のみ",
        "연구용",
        "상업적 이용 금지",
        "Институт (только для обучения)",
        "Université de Brest, sauf usage commercial",
        "Institut für Meereskunde, nur für Forschung",
    ],
)
def test_condition_in_another_language_is_no_name(condition: str) -> None:
    assert not is_named(condition)
