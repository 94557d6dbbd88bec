"""Add the parts that the library does not model: ``modelCard``, ``data``, ``compositions``, ``annotations``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from msgspec import Struct

from modelaudit.reports.canonical_json import Json

JsonObject: TypeAlias = "dict[str, Json]"


class Extension(Struct, frozen=True):
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

    def add_to(self, bom: JsonObject) -> None:
        """Add the parts to a bill of materials; ``bom`` is the JSON that the library wrote, with a root component."""
        root = cast(JsonObject, cast(JsonObject, bom["metadata"])["component"])
        if self.model_card:
            root["modelCard"] = dict(self.model_card)
        if self.licenses:
            root["licenses"] = [*self.licenses, *list_items(root, "licenses")]
        for component in cast(list[JsonObject], list_items(bom, "components")):
            part = self.data.get(str(component["bom-ref"]))
            if part is not None:
                component["data"] = [part]
        if self.compositions:
            bom["compositions"] = list(self.compositions)
        if self.annotations:
            bom["annotations"] = list(self.annotations)


def list_items(owner: JsonObject, name: str) -> list[Json]:
    """Return the list under a name; an empty one if there is none."""
    return cast(list[Json], owner.get(name, []))
