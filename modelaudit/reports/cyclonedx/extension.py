"""Add to the JSON of the library what it does not model: ``modelCard``, ``data``, ``compositions``, ``annotations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelaudit.reports.json_report import Json


@dataclass(frozen=True, slots=True)
class Extension:
    """The parts without a class in the library, as JSON that refers to the rest by ``bom-ref``.

    Attributes:
        model_card: of the root component; empty for none.
        licenses: of the root component, beside those that the library writes. Version 1.7 accepts a licence beside an
            expression, and the library does not.
        data: the part ``data`` of components, by their ``bom-ref``.
    """

    model_card: Mapping[str, Json]
    licenses: Sequence[Json]
    data: Mapping[str, Json]
    compositions: Sequence[Json]
    annotations: Sequence[Json]

    def add_to(self, bom: dict[str, Any]) -> None:
        """Add the parts to a bill of materials; ``bom`` is the JSON that the library wrote."""
        root = bom["metadata"]["component"]
        if self.model_card:
            root["modelCard"] = dict(self.model_card)
        if self.licenses:
            root["licenses"] = [*self.licenses, *root.get("licenses", ())]
        for component in bom.get("components", ()):
            if component["bom-ref"] in self.data:
                component["data"] = [self.data[component["bom-ref"]]]
        if self.compositions:
            bom["compositions"] = list(self.compositions)
        if self.annotations:
            bom["annotations"] = list(self.annotations)
