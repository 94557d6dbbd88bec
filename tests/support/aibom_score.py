"""The completeness score of OWASP's AIBOM generator over a CycloneDX file, as its own program computes it.

``_detect`` and ``_falls_back`` follow ``src/models/registry.py``, and ``compute_score`` follows ``calculate_completeness_score``
of ``src/models/scoring.py``, both at 74cde08 of github.com/GenAI-Security-Project/aibom-generator (Apache-2.0). Inside
the generator, fields that its own extraction found count as well; a file of another program has none of these.
"""

from __future__ import annotations

import re
from typing import Any, Final

from modelaudit.elements.score import compute_score_of
from modelaudit.model.element_rules import ElementListRules

Json = dict[str, Any]

_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]|\[\?\(@\.(\w+)==?'([^']*)'\)\]")
_CONSIDERATIONS: Final = {
    "technicalLimitations": ("technicalLimitations", "limitations"),
    "safetyRiskAssessment": ("ethicalConsiderations", "safetyRiskAssessment"),
    "energyConsumption": ("environmentalConsiderations", "energyConsumption"),
}
_REFERENCES: Final = {
    "downloadLocation": ("distribution", "website"),
    "vcs": ("vcs",),
    "website": ("website",),
    "paper": ("documentation",),
}


def compute_score(bill: Json, rules: ElementListRules, *, copies_model: bool = True) -> tuple[float, set[str]]:
    """Compute the score of a CycloneDX file, and the fields of the list that count as present.

    The program reads the model as the first component. Where the model is the root component, a copy of it is put
    there, and nothing else is changed.

    Args:
        bill: the document.
        rules: of the list.
        copies_model: whether to put the copy there; without it, the document counts as it is written.
    """
    root = bill["metadata"]["component"]
    if copies_model and root["type"] == "machine-learning-model":
        bill = bill | {"components": [root, *bill.get("components", [])]}
    present = {each.id for each in rules.elements if _detect(bill, each.path) or _falls_back(bill, each.id)}
    assert rules.formula is not None
    return compute_score_of(rules, rules.formula, present)[0], present


def _detect(bill: Json, path: str) -> bool:
    """Whether the path of a field leads to a value that is not empty."""
    if "||" in path:
        return False  # its reader does not understand the operator
    values: list[Any] = [bill]
    for name, index, key, wanted in _STEP.findall(path.removeprefix("$")):
        if name:
            values = [each[name] for each in values if isinstance(each, dict) and name in each]
        elif index:
            values = [each[int(index)] for each in values if isinstance(each, list) and len(each) > int(index)]
        else:
            items = [item for each in values if isinstance(each, list) for item in each]
            values = [item for item in items if item.get(key) == wanted]
    return any(each not in (None, "", []) for each in values)


def _falls_back(bill: Json, field: str) -> bool:
    """Whether a key, a property, a consideration or a reference of the field's name is there."""
    model = (bill.get("components") or [{}])[0]
    card = model.get("modelCard", {})
    considerations = card.get("considerations", {})
    holders = (bill, bill["metadata"], model, card, card.get("modelParameters", {}), considerations)
    if any(field in each for each in holders):
        return True
    properties = (*bill["metadata"].get("properties", ()), *model.get("properties", ()))
    if {field, f"spdx:{field}"} & {each["name"] for each in properties}:
        return True
    if any(considerations.get(each) for each in _CONSIDERATIONS.get(field, ())):
        return True
    types = {each["type"] for each in model.get("externalReferences", ())}
    return bool(types & set(_REFERENCES.get(field, ())))
