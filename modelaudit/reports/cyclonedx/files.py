"""The components of the files of the model, as JSON.

The library takes six times as long for each, and a model may have ten thousand.
"""

from __future__ import annotations

from modelaudit.model.address import read_file_path
from modelaudit.model.report import Absence, ArtifactRecord
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.cyclonedx.identity import HASH_NAMES, list_hashes
from modelaudit.reports.cyclonedx.properties import build_json_properties, build_ref
from modelaudit.reports.text import escape_name
from modelaudit.reports.wording import describe_acceptance, describe_place


def build_file_ref(path: str) -> str:
    """Build a reference that is unique to a path, also if two paths look the same when escaped."""
    return build_ref("file", path)


def name_file(record: ArtifactRecord) -> str:
    """Return the name of the component of a file."""
    return escape_name(read_file_path(record.path))


def build_file(name: str, ref: str, record: ArtifactRecord) -> Json:
    """Build the component of a file; digests for which CycloneDX has no algorithm become properties.

    Args:
        name: that of ``name_file``.
        ref: that of ``build_file_ref``.
        record: of the file.
    """
    others = (digest for digest in record.digests if digest.algorithm not in HASH_NAMES)
    component: dict[str, Json] = {
        "type": "file",
        "name": name,
        "bom-ref": ref,
        "properties": build_json_properties(
            ("size", record.size),
            ("extent", record.extent),
            ("members", record.members or None),
            *(("format", format) for format in record.formats),
            ("digest-state", record.digest_state),
            *((f"digest:{digest.algorithm}", digest.value) for digest in others),
            *((f"claimed:{each.digest.algorithm}", f"{each.digest.value} by {each.source}") for each in record.claims),
            *(("unread", _describe_absence(address, absence)) for address, absence in record.absences),
        ),
    }
    hashes: list[Json] = [{"alg": name, "content": value} for name, value in sorted(list_hashes(record))]
    if hashes:
        component["hashes"] = hashes
    return component


def _describe_absence(address: str, absence: Absence) -> str:
    """Describe an absence as the value of one property: the reason, the place and the policy entry that accepts it."""
    place = ", ".join(part for part in (address, describe_place(absence.unread.where)) if part)
    accepted = f" [{describe_acceptance(absence.acceptance)}]" if absence.acceptance else ""
    return f"{absence.unread.reason}: {place}: {absence.unread.detail}{accepted}"
