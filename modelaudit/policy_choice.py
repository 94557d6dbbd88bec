"""Choose the policy of a run, and the models that it lists for a run without a target."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.agreements import check_agreements
from modelaudit.catalogue.policy_names import DEFAULT
from modelaudit.formats.registry import FACTS
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.policy import PinnedModel, Policy, Requirement
from modelaudit.model.report import Anchor
from modelaudit.options import Options, format_current_time, refuse_rules_inside_targets, resolve_policy
from modelaudit.policy.places import FoundPolicy, find_policy, find_project_folder, find_register, refuse_inside_target
from modelaudit.reports.json_report import load_report

_NO_TARGET: Final = "there is no target; name one, or list models in modelaudit.yaml (`modelaudit policy init`)"


class PolicyChoice(Struct, frozen=True):
    """The policy of a run and its targets.

    Attributes:
        name: the policy as ``modelaudit.scan`` takes it: a name of the rule set, or a file.
        targets: those that the user named, or the models of the policy.
        anchors: the lines of the policy that list the models, by target.
        notes: a line for each file that the search passed over.
        found: the file that the search found and the user did not name.
    """

    name: str
    policy: Policy
    targets: tuple[str, ...]
    anchors: Mapping[str, tuple[Anchor, ...]]
    notes: tuple[str, ...] = ()
    found: Path | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and a line that names the policy if the user did not."""
        return (
            self.notes if self.found is None else (*self.notes, f"policy {self.found}, found from this folder upwards")
        )


def choose_policy(
    named: str | None, targets: Sequence[str], rules: Sequence[Path] = (), start: Path | None = None
) -> PolicyChoice:
    """Choose the policy that the user named, else ``modelaudit.yaml`` from ``start`` upwards, else ``default``.

    Args:
        named: a policy of the rule set, or a file.
        targets: all targets of the run; without any, the models of the policy are the targets.
        rules: further rule folders.
        start: by default the working directory.

    Raises:
        ConfigurationError: the policy is wrong, or it or a rule set lies in a target.
    """
    found = find_policy(start or Path.cwd(), targets) if named is None else FoundPolicy(None)
    name = named or (_spell(found.path) if found.path else DEFAULT)
    policy = resolve_policy(Options(policy=name), load_catalogue(extra=rules, formats=FACTS))
    for path in policy.files:
        refuse_inside_target(path, targets, "--policy")
    refuse_rules_inside_targets(rules, targets)
    if targets:
        return PolicyChoice(name, policy, tuple(targets), {}, found.notes, found.path)
    anchors = {model.target: locate_model(model) for model in policy.models}
    return PolicyChoice(name, policy, tuple(anchors), anchors, found.notes, found.path)


def _spell(path: Path) -> str:
    """Return the path of a file at or above the working directory as a user would type it."""
    return os.path.relpath(path)


def require_targets(choice: PolicyChoice, revision: str | None) -> tuple[str, ...]:
    """Return the targets of the run.

    Raises:
        ConfigurationError: there is none, or a revision is given for the models of the policy, which have their own.
    """
    if not choice.targets:
        raise ConfigurationError(_NO_TARGET)
    if revision is not None and choice.anchors:
        raise ConfigurationError("--revision needs a target; the models of the policy have revisions of their own")
    return choice.targets


def check_files(policy: Policy, rules: Sequence[Path] = ()) -> list[str]:
    """Check the register of decisions and the baseline of a policy.

    Returns:
        A remark on each expired decision, and one on a required signer whom the policy does not name, or on a named one
        that it does not require.

    Raises:
        ConfigurationError: one of them is invalid.
    """
    from modelaudit.catalogue.register import read_register  # slow, and few policies name a register

    register, _ = find_register(policy.files, ())
    path = policy.decisions_path or register
    entries = () if path is None else read_register(path)
    catalogue = load_catalogue(extra=rules, formats=FACTS)
    check_agreements(entries, catalogue.clauses, catalogue.licenses)
    if policy.baseline_path is not None:
        load_report(policy.baseline_path)
    today = format_current_time()[:10]
    remarks = [
        f"{each.place}: expired on {each.expires}; renew it or remove it" for each in entries if each.expires < today
    ]
    if Requirement.SIGNER in policy.require and not policy.trusted_signers:
        place = policy.origins.get(f"require.{Requirement.SIGNER}", policy.name)
        remarks.append(
            f"{place}: signer is required, and trusted-signers is empty: every signer counts that the caller of a "
            "scan names by --public-key, --certificate-root or --identity; name yours"
        )
    if policy.trusted_signers and Requirement.SIGNER not in policy.require:
        remarks.append(
            f"{policy.trusted_signers[0].origin}: trusted-signers is named, and no signer is required: a model whose "
            "signature is absent or by another method still passes; add require: [signer]"
        )
    return remarks


def locate_model(model: PinnedModel) -> tuple[Anchor, ...]:
    """Return the line of the policy file that lists a model; nothing for a policy of the rule set."""
    if model.file is None:
        return ()
    path = Path(os.path.abspath(model.file))  # noqa: PTH100 - the method keeps the dots
    return (Anchor(path.relative_to(find_project_folder(path)).as_posix(), model.line),)
