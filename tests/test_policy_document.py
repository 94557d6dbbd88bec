from __future__ import annotations

import re
from pathlib import Path

from modelaudit.catalogue import load_catalogue, load_policy
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Use

DOCUMENT = (Path(__file__).parents[1] / "docs" / "policy.md").read_text()


def test_the_examples_are_a_policy(tmp_path: Path) -> None:
    gate, use = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    (tmp_path / "policy.yaml").write_text(gate + use)
    policy = load_policy(tmp_path / "policy.yaml", load_catalogue().clauses)
    assert len(policy.allow_unread) == 2
    assert set(policy.intent.uses) == set(Use)


def test_every_reason_is_described() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)) == {reason.value for reason in UnreadReason}
