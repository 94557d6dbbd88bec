from __future__ import annotations

import re
from pathlib import Path

from modelaudit.catalogue import load_catalogue, load_policy
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Use

DOCUMENT = (Path(__file__).parents[1] / "docs" / "policy.md").read_text()


def test_examples_of_the_policy_document_together_form_a_valid_policy(tmp_path: Path) -> None:
    gate, intended_use = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "policy.yaml").write_text(gate + intended_use)
    policy = load_policy(tmp_path / "policy.yaml", load_catalogue())
    assert len(policy.allow_unread) == 2
    assert set(policy.intent.uses) == set(Use)
    assert (policy.intent.territories, policy.intent.field) == (("EU", "CH"), "general")


def test_every_shipped_policy_with_an_intended_use_is_documented() -> None:
    stated = {name for name, policy in load_catalogue().policies.items() if policy.intent.is_stated}
    assert stated <= set(re.findall(r"`([a-z-]+)`", DOCUMENT.rpartition("These policies are ready")[2]))


def test_policy_document_names_every_reason_for_an_absence() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)) == {reason.value for reason in UnreadReason}
