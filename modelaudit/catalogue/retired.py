"""Read ``rules/retired.yaml``: rules of earlier versions, each with the rule that reports the same now.

The id of a rule is permanent, because reports and decisions contain it. The id of a withdrawn rule stays in this list,
so that ``explain`` can show its successor and no new rule takes the id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, RuleId, Shape, Version
from modelaudit.model.catalogue import FindingRule, RetiredRule


@dataclass(config=CONFIG)
class RetiredRuleFile:
    """One withdrawn rule: the id of its successor, and the version that withdrew it."""

    became: RuleId
    since: Version


@dataclass(config=CONFIG)
class RetiredFile:
    """``rules/retired.yaml``."""

    rules: dict[RuleId, RetiredRuleFile]


_FILE = Shape(RetiredFile)


def read_retired(documents: Iterable[Document], rules: Mapping[str, FindingRule]) -> Mapping[str, RetiredRule]:
    """Read the list, by old id.

    Raises:
        ConfigurationError: an old id is that of a rule in use, is listed twice, or became a rule that does not exist.
    """
    retired: dict[str, RetiredRule] = {}
    for document in documents:
        for old_id, entry in _FILE.read(document).rules.items():
            if old_id in rules:
                raise document.error(
                    f"rules: {old_id!r} is listed as retired, but a rule with this id exists; remove the entry",
                    ("rules", old_id),
                )
            if old_id in retired:
                raise document.error(f"rules: {old_id!r} is listed already", ("rules", old_id))
            if entry.became not in rules:
                raise document.error(
                    f"rules.{old_id}.became: {entry.became!r} is not a rule", ("rules", old_id, "became")
                )
            retired[old_id] = RetiredRule(entry.became, entry.since)
    return retired
