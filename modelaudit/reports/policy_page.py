"""Render an effective policy as a policy file with the origin of each entry, or as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.model.finding import CheckFamily
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.policy import AllowedAbsence, ExcludedCode, PinnedModel, Policy, Requirement, SignOffTerms
from modelaudit.model.trust import TrustedSigner

Entry = str | float | bool | list[str] | dict[str, "Entry"] | list[dict[str, "Entry"]] | list["Condition"]
"""A value of a policy file."""
Condition = str | dict[str, Entry]
"""An entry of ``require``."""

_PLAIN: Final = defer_pattern(r"[A-Za-z][A-Za-z0-9._/+-]*")
"""Texts that YAML reads as text without quotes, apart from ``_WORDS``."""
_WORDS: Final = frozenset({"true", "false", "null"})
_LINE_LISTS: Final = frozenset({"require", "licenses.allow", "licenses.deny", "allowed-signature-gaps"})
"""The lists whose entries have an origin each, so that each has a line of its own."""
_ORIGIN_COLUMN: Final = 48


def summarize_policy(policy: Policy) -> str:
    """Summarize a policy in one line: the files, the models, the register of decisions."""
    others = [str(path) for path in policy.files[1:]]
    models = f"{len(policy.models)} model{'' if len(policy.models) == 1 else 's'}"
    parts = [f"with {', '.join(others)}" if others else "", models]
    if policy.decisions_path is not None:
        parts.append(f"decisions in {policy.decisions_path}")
    return "; ".join(filter(None, parts))


def render_policy_json(policy: Policy) -> str:
    """Render the entries, and the origin of each by its dotted key."""
    value = {
        "name": policy.name,
        "description": policy.description,
        "digest": policy.digest,
        "entries": _build_entries(policy),
        "origins": dict(policy.origins),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def render_policy_text(policy: Policy) -> str:
    """Render the entries as YAML, each with its origin in a comment; the text is a valid policy file."""
    lines = [f"# {escape_text(policy.name)}: the effective policy, and the place of each entry"]
    for key, value in _build_entries(policy).items():
        lines += _render_entry(key, value, key, policy, "")
    return "\n".join(lines)


def _build_entries(policy: Policy) -> dict[str, Entry]:
    """Build the effective entries in the shape of a policy file; unstated keys are left out."""
    intent = policy.intent
    gates: dict[str, Entry] = {
        str(family): str(policy.gates.get(family) or "never") for family in CheckFamily if family in policy.checks
    }
    gates["use"] = "gate" if policy.gate_use else "report"
    licenses: dict[str, Entry] = {"allow": sorted(policy.allowed_licenses), "deny": sorted(policy.denied_licenses)}
    entries: dict[str, Entry | None] = {
        "organization": policy.organization,
        "reference": policy.reference,
        "reviewer": policy.reviewer,
        "checks": [str(family) for family in policy.checks],
        "gates": gates,
        "require": [_build_condition(each, policy) for each in sorted(policy.require)],
        "use": {str(use): is_meant for use, is_meant in intent.uses.items()},
        "purpose": intent.purpose and str(intent.purpose),
        "territories": list(intent.territories),
        "field": intent.field,
        "monthly-active-users": intent.monthly_active_users,
        "annual-revenue-usd": intent.annual_revenue_usd,
        "licenses": {key: words for key, words in licenses.items() if words},
        "models": [_build_model(model) for model in policy.models],
        "discover-exclude": [_build_exclusion(each) for each in policy.discover_exclude],
        "trusted-signers": [_build_signer(signer, policy) for signer in policy.trusted_signers],
        "allowed-signature-gaps": list(policy.allowed_signature_gaps),
        "allow-unread": [_build_absence(absence) for absence in policy.allow_unread],
        "accept-critical": policy.accept_critical,
        "offline": policy.offline,
        "decisions": _shorten(policy.decisions_path, policy),
        "baseline": _shorten(policy.baseline_path, policy),
    }
    return {key: value for key, value in entries.items() if value is not None and value not in ("", [], {})}


def _build_condition(requirement: Requirement, policy: Policy) -> Condition:
    """Build a condition; one with terms is a mapping to them."""
    if requirement is Requirement.RULES_AGE and policy.rules_days is not None:
        return {requirement.value: f"{policy.rules_days}d"}
    terms = policy.signoff_terms
    if requirement is Requirement.SIGNOFF and terms != SignOffTerms():
        approved: dict[str, Entry] = {"approved": True} if terms.approved else {}
        roles: dict[str, Entry] = {"roles": list(terms.roles)} if terms.roles else {}
        return {requirement.value: {**approved, **roles}}
    return requirement.value


def _build_model(model: PinnedModel) -> dict[str, Entry]:
    note: dict[str, Entry] = {"note": model.note} if model.note else {}
    revision: dict[str, Entry] = {"revision": model.revision} if model.revision else {}
    return {"name": model.name, **revision, **note}


def _build_exclusion(excluded: ExcludedCode) -> dict[str, Entry]:
    return {"paths": excluded.paths, "why": excluded.why}


def _build_signer(signer: TrustedSigner, policy: Policy) -> dict[str, Entry]:
    values: dict[str, Entry | None] = {
        "public-key": _shorten(signer.public_key, policy),
        "certificate-root": _shorten(signer.certificate_root, policy),
        "subject": signer.subject,
        "identity": signer.identity,
        "issuer": signer.issuer,
        "trusted-root": _shorten(signer.trusted_root, policy),
    }
    return {key: value for key, value in values.items() if value}


def _build_absence(absence: AllowedAbsence) -> dict[str, Entry]:
    entry: dict[str, Entry] = {"reasons": [str(reason) for reason in absence.reasons], "paths": absence.paths}
    if absence.formats:
        entry["formats"] = list(absence.formats)
    if absence.most_bytes:
        entry["most-bytes"] = absence.most_bytes
    return {**entry, "why": absence.why}


def _shorten(path: Path | None, policy: Policy) -> str | None:
    """Return the path of a file relative to the folder of the policy; ``None`` without a file."""
    if path is None or not policy.files:
        return None
    return Path(os.path.relpath(path.absolute(), policy.files[0].absolute().parent)).as_posix()


def _render_entry(key: str, value: Entry, dotted: str, policy: Policy, indent: str) -> Iterator[str]:
    """Yield the lines of one key with its value."""
    if isinstance(value, dict):
        yield f"{indent}{key}:"
        for each, inner in value.items():
            yield from _render_entry(each, inner, f"{dotted}.{each}", policy, f"{indent}  ")
    elif isinstance(value, list) and (dotted in _LINE_LISTS or isinstance(value[0], dict)):
        yield f"{indent}{key}:"
        for index, item in enumerate(value):
            if isinstance(item, dict):
                # A condition with a number is named by its key.
                name = str(item.get("name", next(iter(item)) if dotted in _LINE_LISTS else index))
                yield from _render_item(item, policy.origins.get(f"{dotted}.{name}", ""), indent)
            else:
                yield _add_origin(f"{indent}  - {quote_text(str(item))}", policy.origins.get(f"{dotted}.{item}", ""))
    else:
        yield _add_origin(f"{indent}{key}: {_render_value(value)}", policy.origins.get(dotted, ""))


def _render_item(item: dict[str, Entry], origin: str, indent: str) -> Iterator[str]:
    """Yield the lines of one mapping in a list; the first one shows the origin of the item."""
    for index, (key, value) in enumerate(item.items()):
        line = f"{indent}  {'  ' if index else '- '}{key}: {_render_value(value)}"
        yield line if index else _add_origin(line, origin)


def _render_value(value: Entry) -> str:
    """Render a single value, or a list or a mapping in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_render_value(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_render_value(each)}' for key, each in value.items())}}}"
    if isinstance(value, str):
        return quote_text(value)
    return f"{value:g}" if not isinstance(value, int) and value < 1e6 else str(value)


def quote_text(text: str) -> str:
    """Quote a text for YAML unless it is a plain word."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    return escape_text(json.dumps(text, ensure_ascii=False))


def escape_text(text: str) -> str:
    """Replace characters that no terminal should get by an escape of YAML (section 5.7)."""
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)


def _add_origin(line: str, origin: str) -> str:
    """Append the origin as a comment; an entry without one is the default of this version."""
    return f"{line:<{_ORIGIN_COLUMN}}  # {escape_text(origin) or 'built in'}"
