"""The options of a scan, and the policy that results from them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct, field

import modelaudit
from modelaudit.catalogue import load_catalogue, load_policy
from modelaudit.catalogue.directory import list_rule_notes, list_rule_sources
from modelaudit.catalogue.known_keys import suggest_word
from modelaudit.catalogue.policy_names import explain_unknown_policy
from modelaudit.formats.registry import FACTS
from modelaudit.integrity.hashing import HashProgress
from modelaudit.integrity.user_files import read_trust_file
from modelaudit.model.artifact import RefKind, Snapshot
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import Limits
from modelaudit.model.policy import Policy, Requirement
from modelaudit.model.report import Anchor, Target, Tool
from modelaudit.model.terms import Intent, Purpose, Use
from modelaudit.model.trust import TrustedSigner
from modelaudit.model.wording import TIME_FORMAT
from modelaudit.policy.places import refuse_inside_target, refuse_policy_inside_target
from modelaudit.policy.requirements import RulesAge
from modelaudit.sources.settings import HubSettings
from modelaudit.wire.ledger import RecordLedger

_Word = TypeVar("_Word", bound=StrEnum)

LOCAL_ORIGIN: Final = "local disk"
CACHE_ORIGIN: Final = "local Hub cache"

Progress = Callable[[str, int, int], None]
"""Called with an artifact's path, its number from 1, and how many there are."""


class IntendedUse(Struct, frozen=True):
    """The intended use that the caller states; it overrides the policy. ``modelaudit.scan`` documents the fields."""

    uses: Mapping[str, bool] = field(default_factory=dict)
    territories: Sequence[str] = ()
    monthly_active_users: float | None = None
    annual_revenue_usd: float | None = None
    field: str | None = None


class Options(Struct, frozen=True):
    """The options of a scan; ``modelaudit.scan`` documents each."""

    revision: str | None = None
    checks: Collection[CheckFamily | str] | None = None
    policy: str | Path = "default"
    fail_on: Severity | str | None = None
    offline: bool = False
    second_opinion: bool = True
    rules: Sequence[str | Path] = ()
    limits: Limits = field(default_factory=Limits)
    intended_use: IntendedUse = field(default_factory=IntendedUse)
    progress: Progress | None = None
    download_progress: Callable[[int, int, int, int], None] | None = None
    record_ledger: RecordLedger | None = None
    decisions: str | Path | None = None
    baseline: str | Path | None = None
    anchors: Sequence[Anchor] = ()
    hash_progress: HashProgress | None = None
    lock: str | Path | None = None
    signers: Sequence[TrustedSigner] = ()
    signatures: Sequence[str | Path] = ()
    rules_key: str | Path | None = None
    folder: str = ""

    def with_limits(self, limits: Limits) -> Options:
        """Return the same options with other limits."""
        return replace(self, limits=limits)


def name_tool(catalogue: Catalogue) -> Tool:
    """Return the program and its rule set as reports name them."""
    edition = catalogue.edition
    number, date = (edition.number, edition.date) if edition else (0, "")
    return Tool("modelaudit", modelaudit.__version__, catalogue.digest, number, date)


def describe_rules_age(catalogue: Catalogue) -> RulesAge:
    """Return the date of the rule set beside today's."""
    return RulesAge(catalogue.edition.date if catalogue.edition else "", format_current_time()[:10])


def note_future_rules(target: Target, catalogue: Catalogue, policy: Policy) -> Target:
    """Return a target with a note if the policy limits the age of the rules, and they are of a day after today."""
    if policy.rules_days is None:
        return target
    age = describe_rules_age(catalogue)
    if age.stated <= age.today:
        return target
    note = f"the rules are of {age.stated}, and today is {age.today}: the clock, or the rule set, has a wrong date"
    return replace(target, notes=(*target.notes, note))


def list_families(catalogue: Catalogue) -> frozenset[CheckFamily]:
    """Return the check families that have at least one rule."""
    return frozenset(rule.rule.check for rule in catalogue.findings.values())


def prepare(target: str, options: Options) -> tuple[Catalogue, Policy, Options]:
    """Load the rule set and the policy for ``target``; return them, and the options as the policy changes them.

    Raises:
        ConfigurationError: an option, a policy or a rule is wrong, or the policy lies in the target.
    """
    catalogue = load_catalogue(extra=[Path(folder) for folder in options.rules], formats=FACTS)
    policy = resolve_policy(options, catalogue)
    refuse_judges_inside_target(policy, options.rules, target)
    options = options if options.offline == policy.offline else replace(options, offline=policy.offline)
    return catalogue, policy, options


def refuse_judges_inside_target(policy: Policy, rules: Sequence[str | Path], target: str) -> None:
    """Refuse a policy, a rule folder, a pack of rules, or the key of the pack that lies at or below a target.

    Raises:
        ConfigurationError: one of them does.
    """
    refuse_policy_inside_target(policy, target)
    refuse_rules_inside_targets(rules, (target,))


def refuse_rules_inside_targets(rules: Sequence[str | Path], targets: Sequence[str]) -> None:
    """Refuse a further rule folder, the pack in use or its key below a target. Raises ``ConfigurationError``."""
    sources = [*(("--rules", Path(folder)) for folder in rules), *list_rule_sources().items()]
    for option, path in sources:
        refuse_inside_target(path, targets, option)


def resolve_policy(options: Options, catalogue: Catalogue) -> Policy:
    """Load the policy by name or file, and apply the options that override it.

    Raises:
        ConfigurationError: the policy, a check, a severity or the intended use is invalid.
    """
    name = str(options.policy)
    if name in catalogue.policies:
        policy = catalogue.policies[name]
    elif Path(name).is_file():
        policy = load_policy(Path(name), catalogue)
    else:
        raise ConfigurationError(f"policy {explain_unknown_policy(name, catalogue.policies)}")
    stated = policy
    if options.checks is not None:
        families = list_families(catalogue)
        chosen = {_parse_word(CheckFamily, "--checks", "check", word, sorted(families)) for word in options.checks}
        if not chosen:
            raise ConfigurationError(f"--checks: no check is chosen; use one or more of: {', '.join(sorted(families))}")
        if not chosen <= families:
            without_rules, with_rules = ", ".join(sorted(chosen - families)), ", ".join(sorted(families))
            raise ConfigurationError(f"--checks: the check {without_rules} has no rules yet; choose from {with_rules}")
        policy = replace(policy, checks=tuple(family for family in CheckFamily if family in chosen))
    if options.fail_on is not None:
        gate = (
            None
            if options.fail_on == "never"
            else _parse_word(Severity, "--fail-on", "severity", options.fail_on, [*Severity, "never"])
        )
        origins = {f"gates.{family}": "--fail-on" for family in policy.gates}
        policy = replace(policy, gates=dict.fromkeys(policy.gates, gate), origins={**policy.origins, **origins})
    intent = _merge_intent(options.intended_use, policy.intent, catalogue)
    if options.signers and Requirement.SIGNER not in policy.require:
        # Whoever names a signer means it: without this, a model whose signature was removed would pass.
        origins = {**policy.origins, f"require.{Requirement.SIGNER}": options.signers[0].origin}
        policy = replace(policy, require=policy.require | {Requirement.SIGNER}, origins=origins)
    return replace(
        policy,
        intent=intent,
        offline=policy.offline or options.offline,
        digest=_compute_digest(policy, intent, stated, options.signers),
    )


def _compute_digest(policy: Policy, intent: Intent, stated: Policy, signers: Sequence[TrustedSigner]) -> str:
    """Compute the digest of a policy after the options: that of its file, unless an option overrides it.

    Then it is the SHA-256 of the digest of the file and a line for each entry that an option changed, so that no
    verdict of ``--fail-on never`` counts as one of the file. Trusted signers make such a line, too, with the digests of
    their keys and certificates: another key under the same name makes another policy.
    """
    entries: tuple[tuple[str, object, object], ...] = (
        ("checks", policy.checks, stated.checks),
        ("gates", policy.gates, stated.gates),
        ("use", intent, stated.intent),
        ("trusted-signers", [_describe_trust(signer) for signer in (*policy.trusted_signers, *signers)], []),
    )
    changes = [f"{name}: {_spell_entry(value)}" for name, value, before in entries if value != before]
    if not changes:
        return stated.digest
    return hashlib.sha256("\n".join((stated.digest, *changes)).encode()).hexdigest()


def _describe_trust(signer: TrustedSigner) -> dict[str, str]:
    """Describe a trusted signer by the content of its files. Raises ``ConfigurationError`` if one cannot be read."""
    files = {
        "public-key": signer.public_key,
        "certificate-root": signer.certificate_root,
        "trusted-root": signer.trusted_root,
    }
    digests = {
        name: hashlib.sha256(read_trust_file(path, signer.origin)).hexdigest()
        for name, path in files.items()
        if path is not None
    }
    words = {"subject": signer.subject, "identity": signer.identity, "issuer": signer.issuer}
    return {"method": str(signer.method), **words, **digests}


_ENTRY_ENCODER: Final = json.JSONEncoder(sort_keys=True, default=str)


def _spell_entry(value: object) -> str:
    """Return the value of an entry in one line, the same for equal values."""
    # The fields of an intended use hold plain values.
    is_intent = isinstance(value, Intent)
    plain = {each.name: getattr(value, each.name) for each in dataclasses.fields(Intent)} if is_intent else value
    return _ENTRY_ENCODER.encode(plain)


def _merge_intent(use: IntendedUse, stated: Intent, catalogue: Catalogue) -> Intent:
    """Return the intended use of the policy, overridden by the use that the caller states.

    Args:
        use: stated by the caller.
        stated: stated by the policy.
        catalogue: the known fields of use and territories.

    Raises:
        ConfigurationError: a use, a territory, a field or a number is invalid.
    """
    known = {each.value: each for each in Use}
    changes: dict[Use, bool] = {}
    purpose = stated.purpose
    for name, is_meant in use.uses.items():
        word = str(name).replace("_", "-")
        if word == Purpose.RESEARCH:
            purpose = Purpose.RESEARCH if is_meant else Purpose.OTHER
            continue
        if word not in known:
            offered = (*known, Purpose.RESEARCH.value)
            words = suggest_word(word, offered) or f"; choose one of: {', '.join(offered)}"
            raise ConfigurationError(f"--use: {name!r} is not a use{words}")
        changes[known[word]] = is_meant
    territories = tuple(code.strip().upper() for code in use.territories)
    field = None if use.field is None else use.field.strip().lower().replace("_", "-")
    for code in territories:
        if problem := catalogue.clauses.explain_invalid_territory(code):
            raise ConfigurationError(f"--territory: {problem}")
    if field is not None and (problem := catalogue.clauses.explain_invalid_field(field)):
        nearest = suggest_word(field, catalogue.clauses.fields)
        raise ConfigurationError(
            f"--field: {field!r} is not a field of use{nearest}" if nearest else f"--field: {problem}"
        )
    for option, number in (("--mau", use.monthly_active_users), ("--revenue", use.annual_revenue_usd)):
        if number is not None and not 0 <= number < float("inf"):
            raise ConfigurationError(f"{option} {number}: the number must be finite, and 0 or more")
    users, revenue = use.monthly_active_users, use.annual_revenue_usd
    return Intent(
        uses={**stated.uses, **changes},
        monthly_active_users=stated.monthly_active_users if users is None else users,
        annual_revenue_usd=stated.annual_revenue_usd if revenue is None else revenue,
        territories=territories or stated.territories,
        field=stated.field if field is None else field,
        purpose=purpose,
    )


def refuse_strings_for_lists(options: Options) -> None:
    """Raise ``ConfigurationError`` for a string in place of a list: its letters would be taken as the values."""
    given = {"rules": options.rules, "checks": options.checks, "territories": options.intended_use.territories}
    for name, value in given.items():
        if isinstance(value, str):
            raise ConfigurationError(f"{name} must be a list, not a string; put a single value into brackets")


def _parse_word(word_type: type[_Word], option: str, noun: str, text: str, offered: Sequence[str]) -> _Word:
    """Return the member of ``word_type`` that ``text`` names.

    Raises:
        ConfigurationError: there is none; the message names the option, the ``offered`` words and the nearest of them.
    """
    try:
        return word_type(text)
    except ValueError:
        words = f"{', '.join(offered)}{suggest_word(text, offered)}"
        raise ConfigurationError(f"{option}: {text!r} is not a {noun}; choose one of: {words}") from None


def describe_target(requested: str, snapshot: Snapshot, options: Options) -> Target:
    """Describe the scanned target for the report.

    A report leaves the machine on which it was made, so it names a file or folder by the last part of its path, and a
    snapshot of the Hub cache by its repository: no folder above and no name of a user.
    """
    ref = snapshot.ref
    is_local = ref.kind in (RefKind.FILE, RefKind.FOLDER)
    name = name_local_target(requested) if is_local else ref.name
    if ref.kind is RefKind.CACHE:
        requested = f"{name}@{snapshot.commit}"
    is_cached = ref.kind is RefKind.CACHE or snapshot.origin == str(snapshot.root)
    return Target(
        requested=name if is_local else requested,
        kind=ref.kind,
        name=name,
        revision=ref.revision,
        commit=snapshot.commit,
        origin=LOCAL_ORIGIN if is_local else CACHE_ORIGIN if is_cached else snapshot.origin,
        offline=HubSettings.read(offline=options.offline).offline,
        notes=(*snapshot.notes, *list_rule_notes()),
        anchors=tuple(options.anchors),
        provenance=snapshot.provenance,
        signatures=snapshot.signatures,
        folder=snapshot.folder,
    )


def name_local_target(path: str) -> str:
    """Return the last part of the path of a file or folder; ``/`` for the root of the file system."""
    return os.path.basename(os.path.abspath(path)) or path  # noqa: PTH100, PTH119 - a link keeps its own name


_LAST_YEAR: Final = 9000
"""A decision holds for a year, and dates end with the year 9999."""


def format_current_time() -> str:
    """Return the current time in UTC, or ``SOURCE_DATE_EPOCH``, which makes reports reproducible byte for byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
        if moment.year > _LAST_YEAR:
            raise ValueError(moment.year)
    except (ValueError, OverflowError, OSError):
        limit = f"seconds since 1970, until the year {_LAST_YEAR}"
        raise ConfigurationError(f"SOURCE_DATE_EPOCH is {epoch!r}; it must be {limit}") from None
    return moment.strftime(TIME_FORMAT)
