"""Merge the intended use, the licences, the models and the accepted absences of a policy file into those below it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from packaging.utils import canonicalize_name

from modelaudit.catalogue.document import Place
from modelaudit.catalogue.known_keys import suggest_word
from modelaudit.catalogue.license_words import resolve_license_word
from modelaudit.catalogue.policy_file import AllowedAbsenceFile, ModelFile
from modelaudit.catalogue.policy_layer import Layer
from modelaudit.model.policy import AllowedAbsence, ExcludedCode, PinnedModel
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Intent, LicenseEntry, Vocabulary

_Words = dict[str, int | None]
"""Words of licences, each with its index in the list of this file; ``None`` if it is inherited."""


def merge_intent(layer: Layer, below: Intent, clauses: Vocabulary) -> Intent:
    """Return the intended use; each entry that the file states replaces the one below.

    Raises:
        ConfigurationError: a territory or a field of use is unknown.
    """
    file = layer.file
    for index, code in enumerate(file.territories):
        fault = clauses.explain_invalid_territory(code)
        if fault:
            raise layer.error(fault, "territories", index)
    fault = clauses.explain_invalid_field(file.field) if file.field else ""
    if fault:
        raise layer.error(f"{fault}{suggest_word(file.field or '', clauses.fields)}", "field")
    for use in file.use:
        layer.note_origin(f"use.{use}", ("use", use))
    for key in ("purpose", "territories", "field", "monthly-active-users", "annual-revenue-usd"):
        if layer.states(key):
            layer.note_origin(key, (key,))
    users, revenue = file.monthly_active_users, file.annual_revenue_usd
    return Intent(
        uses={**below.uses, **file.use},
        monthly_active_users=below.monthly_active_users if users is None else users,
        annual_revenue_usd=below.annual_revenue_usd if revenue is None else revenue,
        territories=tuple(file.territories) or below.territories,
        field=file.field or below.field,
        purpose=file.purpose or below.purpose,
    )


def merge_licenses(
    layer: Layer, allowed: frozenset[str], denied: frozenset[str], licenses: Mapping[str, LicenseEntry]
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the allowed and the denied licences, those below included.

    A denied category denies each of its licences, so an allowed one of them would have no effect and is refused.
    Some licences of an allowed category may be denied.

    Raises:
        ConfigurationError: a word is unknown, or a licence is both allowed and denied.
    """
    all_allowed = _add_words(layer, "allow", layer.file.licenses.allow, allowed, licenses)
    all_denied = _add_words(layer, "deny", layer.file.licenses.deny, denied, licenses)
    for word, index in all_allowed.items():
        category = str(licenses[word].category) if word in licenses else ""
        denial = next((each for each in (word, category) if each in all_denied), None)
        if denial is None:
            continue
        # One of the two is of this file, because the policy below was checked when it was built.
        place: Place = ("licenses", "deny", all_denied[denial] or 0)
        if index is not None:
            place = ("licenses", "allow", index)
        allowed_at, denied_at = layer.origins[f"licenses.allow.{word}"], layer.origins[f"licenses.deny.{denial}"]
        contains = ", and contains it" if denial != word else ""
        raise layer.document.error(
            f"licenses: {word} is allowed ({allowed_at}), but {denial} is denied ({denied_at}){contains}; "
            "remove one of them",
            place,
        )
    return frozenset(all_allowed), frozenset(all_denied)


def _add_words(
    layer: Layer, list_: str, words: Sequence[str], below: frozenset[str], licenses: Mapping[str, LicenseEntry]
) -> _Words:
    """Return the words below and those of one list of the file. Raises ``ConfigurationError`` for an unknown word."""
    merged: _Words = dict.fromkeys(sorted(below))
    for index, word in enumerate(words):
        try:
            resolved = resolve_license_word(word, licenses)
        except ValueError as error:
            raise layer.error(str(error), "licenses", list_, index) from None
        if resolved not in merged:
            merged[resolved] = index
            layer.note_origin(f"licenses.{list_}.{resolved}", ("licenses", list_, index))
    return merged


def merge_models(layer: Layer, below: tuple[PinnedModel, ...]) -> tuple[PinnedModel, ...]:
    """Return the models below and those of the file.

    Raises:
        ConfigurationError: a model has two revisions, or none, or a path leads out of the folder of the policy.
    """
    merged = {_identify_model(model): model for model in below}
    for index, entry in enumerate(layer.file.models):
        place: Place = ("models", index)
        is_local = entry.name.startswith("./")
        if is_local:
            _check_local_model(layer, entry, index)
        elif entry.revision is None:
            raise layer.error("is missing; a model of the Hub needs the id of a commit", *place, "revision")
        model = PinnedModel(entry.name.rstrip("/"), entry.revision or "", entry.note, layer.path, layer.line_of(place))
        first = merged.get(_identify_model(model))
        if first is not None:
            where = layer.origins[f"models.{first.name}"]
            if first.revision != model.revision:
                raise layer.error(f"{entry.name} has another revision in {where}; keep one of them", *place)
            continue
        layer.note_origin(f"models.{model.name}", place)
        merged[_identify_model(model)] = model
    return tuple(merged.values())


def _identify_model(model: PinnedModel) -> str:
    """Return what two entries for one model share: names on the Hub do not distinguish case, and paths do."""
    return model.target if model.is_local else model.name.casefold()


def _check_local_model(layer: Layer, entry: ModelFile, index: int) -> None:
    """Check an entry with a path. Raises ``ConfigurationError`` if it is none, or leads out of the policy's folder."""
    if entry.revision is not None:
        raise layer.error("a path has no revision; remove it", "models", index, "revision")
    if layer.path is None:
        raise layer.error("a policy of the rule set cannot list a path", "models", index, "name")
    folder = os.path.realpath(layer.path.absolute().parent)
    real = os.path.realpath(f"{folder}/{entry.name}")
    if not real.startswith(folder.rstrip("/") + "/"):
        raise layer.error(
            f"{entry.name} leads out of the folder of this file; name it on the command line", "models", index, "name"
        )


def merge_excluded_code(layer: Layer, below: tuple[ExcludedCode, ...]) -> tuple[ExcludedCode, ...]:
    """Return the code that the file and those below leave out. Raises ``ConfigurationError`` in the rule set."""
    merged = list(below)
    for index, entry in enumerate(layer.file.discover_exclude):
        if layer.path is None:
            raise layer.error("a policy of the rule set knows no code; remove it", "discover-exclude", index)
        layer.note_origin(f"discover-exclude.{len(merged)}", ("discover-exclude", index))
        merged.append(ExcludedCode(entry.paths.removeprefix("./"), entry.why, layer.path.parent))
    return tuple(merged)


def merge_absences(layer: Layer, below: tuple[AllowedAbsence, ...]) -> tuple[AllowedAbsence, ...]:
    """Return the accepted absences below and those of the file. Raises ``ConfigurationError`` for an invalid one."""
    merged = list(below)
    for index, entry in enumerate(layer.file.allow_unread):
        fault = _explain_invalid_absence(entry)
        if fault:
            raise layer.document.error(f"allow-unread.{index}: {fault}", ("allow-unread", index, "reasons"))
        absence = AllowedAbsence(
            tuple(entry.reasons), entry.paths, entry.why, tuple(entry.formats), most_bytes=entry.most_bytes or 0
        )
        if absence not in merged:
            layer.note_origin(f"allow-unread.{len(merged)}", ("allow-unread", index))
            merged.append(absence)
    return tuple(merged)


def _explain_invalid_absence(entry: AllowedAbsenceFile) -> str:
    """Return why no policy may hold this entry of ``allow-unread``, and the next step; empty if it is valid."""
    if UnreadReason.READER_FAILED in entry.reasons:
        return "reader-failed cannot be accepted: the content of the file is unknown; report the file, or leave it out"
    if UnreadReason.NO_READER in entry.reasons and not entry.formats:
        return "no-reader needs formats, such as [PNG image]: a name alone earns no trust"
    is_unclaimed = UnreadReason.UNCLAIMED in entry.reasons
    if is_unclaimed and not (entry.formats and entry.most_bytes):
        return "unclaimed-bytes needs formats, such as [tflite], and most-bytes, such as 64: a bound on what may hide"
    if entry.most_bytes and not is_unclaimed:
        return "most-bytes bounds unclaimed-bytes alone; remove it, or name that reason"
    return ""


def merge_runtime(layer: Layer, below: Mapping[str, str]) -> Mapping[str, str]:
    """Return the versions below and those of the file, by normalised name.

    Raises:
        ConfigurationError: two names of the file mean one package.
    """
    merged = dict(below)
    own: set[str] = set()
    for package, version in layer.file.runtime.items():
        name = canonicalize_name(package)
        if name in own:
            raise layer.error("is stated twice; keep the version that counts", "runtime", package)
        own.add(name)
        layer.note_origin(f"runtime.{name}", ("runtime", package))
        merged[name] = version
    return merged
