"""Properties of the document under the names that the OWASP AIBOM generator reads.

Its list of fields looks for the model in the first of ``components``, where the generator writes it, and for any field
also in the properties of the metadata, under the bare name of the field. Here the model is the root component, as the
standard has it, and it is not listed a second time. So each field that the report found present is such a property,
with the values of its sources.

Source: ``field_registry.json`` at 7ea9a6c and ``scoring.py`` at 74cde08 of
https://github.com/GenAI-Security-Project/aibom-generator, below ``src/models``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cyclonedx.model import Property
from cyclonedx.model.component import Component

from modelaudit.model.description import ModelDescription, Topic
from modelaudit.model.elements import RUN, Element, ElementState
from modelaudit.model.report import AuditReport
from modelaudit.reports.text import escape_unprintable

_LIST: Final = "owasp"
"""The confidence of a fact of the scan itself, such as the name of the format, which no property repeats."""
_ENERGY_UNIT: Final = "kWh"
"""The unit of every fact on energy; those in other units are none."""
_NAMED: Final = {"hyperparameter": Topic.HYPERPARAMETER, "metric": Topic.METRIC}
"""The fields whose values mean nothing without their names."""
_MOST_VALUES: Final = 10


def build_generator_properties(report: AuditReport, root: Component) -> list[Property]:
    """Build one property for each field of the list that a source of the model states; several values are one text."""
    fields = (element for each in report.elements if each.id == _LIST for element in each.elements)
    present = (field for field in fields if field.state is ElementState.PRESENT)
    values_by_name = {field.id: list(_list_values(field, root, report.description)) for field in present}
    return [
        Property(name=escape_unprintable(name), value=escape_unprintable("; ".join(values[:_MOST_VALUES])))
        for name, values in values_by_name.items()
        if values
    ]


def _list_values(field: Element, root: Component, description: ModelDescription) -> Iterable[str]:
    """Return the values of the sources of a field, each once; nothing for a fact of the run."""
    if field.id == "purl":
        return [root.purl.to_string()] if root.purl else []
    if field.id == "component_version":
        return [root.version] if root.version else []
    values = dict.fromkeys(source.value for source in field.sources if source.confidence != RUN)
    if field.id == "energyUnit" and values:
        return [_ENERGY_UNIT]
    if field.id in _NAMED:
        facts = description.list_facts(_NAMED[field.id])
        return dict.fromkeys(f"{fact.get('name')}={fact.value}" for fact in facts)
    return values
