"""The ``modelCard`` of the root component, as JSON: the library has no class for it.

Every value is that of a fact. Its source and confidence are properties of the card, ``modelaudit:source:<topic>``.
Sources: the definitions ``modelCard`` and ``energyConsumption`` of the JSON schemas of CycloneDX 1.6 and 1.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from modelaudit.model.description import ModelDescription, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.cyclonedx.properties import build_json_properties, describe_fact
from modelaudit.reports.stated_facts import Energy, list_energy
from modelaudit.reports.text import escape_unprintable

CARD_REF: Final = "model-card"
_APPROACHES: Final = {"supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"}
_ACTIVITIES: Final = {
    *("design", "data-collection", "data-preparation", "training", "fine-tuning", "validation", "deployment"),
    *("inference", "other"),
}
_ENERGY_SOURCES: Final = {
    *("coal", "oil", "natural-gas", "nuclear", "wind", "solar", "geothermal", "hydropower", "biofuel", "other"),
}
_NUMBER: Final = defer_pattern(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_GRAMS_PER_TONNE: Final = 1_000_000


def build_model_card(description: ModelDescription, dataset_refs: Iterable[str]) -> dict[str, Json]:
    """Build the model card; empty without facts.

    Args:
        description: the facts about the model.
        dataset_refs: the ``bom-ref`` of each data set.
    """
    card: dict[str, Json] = {
        "modelParameters": _build_parameters(description, dataset_refs),
        "quantitativeAnalysis": _drop_empty({"performanceMetrics": _build_metrics(description)}),
        "considerations": _build_considerations(description),
        "properties": _build_properties(description),
    }
    filled = _drop_empty(card)
    return {"bom-ref": CARD_REF, **filled} if filled else {}


def _build_parameters(description: ModelDescription, dataset_refs: Iterable[str]) -> dict[str, Json]:
    """Build the model parameters: approach, task, architecture, data sets, inputs and outputs."""
    approaches = (_fold(fact.value) for fact in description.list_facts(Topic.APPROACH))
    approach = next((each for each in approaches if each in _APPROACHES), None)
    architecture = description.find_value(Topic.ARCHITECTURE) or description.find_value(Topic.MODEL_TYPE)
    return _drop_empty(
        {
            "approach": {"type": approach} if approach else {},
            "task": escape_unprintable(description.find_value(Topic.TASK)),
            "architectureFamily": escape_unprintable(description.find_value(Topic.ARCHITECTURE_FAMILY)),
            "modelArchitecture": escape_unprintable(architecture),
            "datasets": [{"ref": ref} for ref in dataset_refs],
            "inputs": [{"format": value} for value in _list_values(description, Topic.INPUT)],
            "outputs": [{"format": value} for value in _list_values(description, Topic.OUTPUT)],
        }
    )


def _build_metrics(description: ModelDescription) -> list[Json]:
    """Build the performance metrics; the schema takes their values as texts."""
    metrics: dict[tuple[str, str, str], Json] = {}
    for fact in description.list_facts(Topic.METRIC):
        parts = (fact.get("task"), fact.get("dataset"), fact.get("split"))
        slice_ = escape_unprintable("/".join(filter(None, parts)))
        key = (escape_unprintable(fact.get("name")), escape_unprintable(fact.value), slice_)
        metrics[key] = _drop_empty(dict(zip(("type", "value", "slice"), key, strict=True)))
    return list(metrics.values())


def _build_considerations(description: ModelDescription) -> dict[str, Json]:
    """Build who should use the model for what, and what speaks against it."""
    return _drop_empty(
        {
            "users": list(_list_values(description, Topic.USERS)),
            "useCases": list(_list_values(description, Topic.INTENDED_USE)),
            "technicalLimitations": list(_list_values(description, Topic.LIMITATION)),
            "ethicalConsiderations": [{"name": value} for value in _list_values(description, Topic.ETHICS)],
            "environmentalConsiderations": _build_environment(description),
        }
    )


def _build_environment(description: ModelDescription) -> dict[str, Json]:
    """Build the energy, as far as kWh and an activity are stated; any other fact on it is a property."""
    facts = description.list_facts(Topic.ENERGY)
    emissions = description.list_facts(Topic.EMISSIONS)
    measured = [each for each in list_energy(description) if each.activity in _ACTIVITIES]
    grams = emissions[0].value if len(measured) == len(emissions) == 1 else ""
    others = [fact for fact in facts if all(each.fact is not fact for each in measured)]
    return _drop_empty(
        {
            "energyConsumptions": [_build_consumption(each, grams) for each in measured],
            "properties": build_json_properties(
                *(("emissions:grams-co2eq", describe_fact(fact)) for fact in emissions),
                *(("energy:kwh", describe_fact(fact)) for fact in others),
            ),
        }
    )


def _build_consumption(energy: Energy, grams: str) -> dict[str, Json]:
    """Build a consumption of energy. The schema demands a provider; one that is not stated has no name.

    Args:
        energy: with an activity of the schema.
        grams: of CO2 equivalents for it; empty if not stated.
    """
    measure: dict[str, Json] = {"value": _read_number(energy.kilowatt_hours), "unit": "kWh"}
    provider = escape_unprintable(energy.fact.get("provider"))
    source = _fold(energy.fact.get("source"))
    consumption: dict[str, Json] = {
        "activity": energy.activity,
        "activityEnergyCost": measure,
        "energyProviders": [
            {
                "organization": {"name": provider} if provider else {},
                "energySource": source if source in _ENERGY_SOURCES else "unknown",
                "energyProvided": measure,
            }
        ],
    }
    if _NUMBER.fullmatch(grams):
        consumption["co2CostEquivalent"] = {"value": float(grams) / _GRAMS_PER_TONNE, "unit": "tCO2eq"}
    return consumption


def _build_properties(description: ModelDescription) -> list[Json]:
    """Build the source of each fact, those without a field of their own included, and the contradictions."""
    return build_json_properties(
        *((f"source:{fact.topic}", describe_fact(fact)) for fact in description.facts),
        *(("contradiction", each.sentence) for each in description.contradictions),
    )


def _list_values(description: ModelDescription, *topics: Topic) -> Iterable[str]:
    """Return the values of the facts on the topics, each once."""
    return dict.fromkeys(escape_unprintable(fact.value) for fact in description.list_facts(*topics))


def _read_number(digits: str) -> int | float:
    """Return the number that digits write, without a fraction if they write none."""
    return float(digits) if "." in digits else int(digits)


def _fold(words: str) -> str:
    """Return words as the schema spells its terms: lower case, with hyphens."""
    return "-".join(words.lower().split())


def _drop_empty(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return the entries that hold something."""
    return {name: value for name, value in values.items() if value not in ("", [], {}, None)}
