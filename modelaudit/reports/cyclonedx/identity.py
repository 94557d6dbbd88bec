"""The identity of the model of a bill of materials: version, digests, package URL and serial number.

All of it derives from the bytes of the model, and from what judged them. Neither the place of the model nor the time of
the scan is a part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component_evidence import AnalysisTechnique, Identity, IdentityField, Method
from packageurl import PackageURL

from modelaudit.model.artifact import RefKind
from modelaudit.model.digest import DigestAlgorithm, DigestState
from modelaudit.model.report import ArtifactRecord, AuditReport
from modelaudit.reports.cyclonedx.properties import TOOL_REF
from modelaudit.reports.inventory import describe_comparison

LISTING_ALGORITHM: Final = "sha256sum-listing"
"""The digest over all files: the SHA-256 of the lines that ``sha256sum`` prints for them."""
HASH_NAMES: Final = {
    DigestAlgorithm.SHA256: "SHA-256",
    DigestAlgorithm.BLAKE2B: "BLAKE2b-512",
    DigestAlgorithm.BLAKE3: "BLAKE3",
}
"""The algorithms of CycloneDX. A git id is no SHA-1 of the file, because git adds a heading to the bytes."""
_WEIGHT_FORMATS: Final = frozenset(
    {
        *("executorch", "ggml", "gguf", "hdf5", "keras", "msgpack", "npy", "onnx", "safetensors"),
        *("tensor-storage", "tflite"),
    }
)


def build_identity(report: AuditReport, purl: PackageURL | None) -> Identity | None:
    """Build the evidence that the files are those of the package URL; ``None`` unless a source confirms every file.

    SHA-1 alone confirms none, because two files with one SHA-1 can be made.
    """
    records = report.coverage.artifacts
    is_confirmed = all(each.is_confirmed_from_outside and each.digest_state is DigestState.MATCH for each in records)
    if purl is None or not records or report.coverage.unopened or not is_confirmed:
        return None
    # The library writes a number only of a decimal.
    certain = Decimal(1)
    method = Method(technique=AnalysisTechnique.HASH_COMPARISON, confidence=certain, value=describe_comparison(report))
    tool = BomRef(TOOL_REF)
    return Identity(
        field=IdentityField.PURL, confidence=certain, concluded_value=purl.to_string(), methods=[method], tools=[tool]
    )


def find_weight_digests(report: AuditReport) -> Iterator[tuple[str, str]]:
    """Yield algorithm and digest of the only file with weights; nothing if there are several.

    A digest over all files is that of no file, so it is a property instead.
    """
    coverage = report.coverage
    is_file = report.target.kind is RefKind.FILE
    weights = [each for each in coverage.artifacts if is_file or _holds_weights(each)]
    if len(weights) == 1 and report.target.kind is not RefKind.DATASET and not coverage.unopened:
        yield from list_hashes(weights[0])


def _holds_weights(record: ArtifactRecord) -> bool:
    """Whether a file holds weights; a pickle may hold anything else, such as a table of labels."""
    has_data = record.byte_counts is not None and record.byte_counts.data > 0
    return bool(_WEIGHT_FORMATS & set(record.formats)) or ("pickle" in record.formats and has_data)


def list_hashes(record: ArtifactRecord) -> Iterator[tuple[str, str]]:
    """Yield the algorithm, by its name in CycloneDX, and the value of each computed digest that the standard knows."""
    return ((HASH_NAMES[each.algorithm], each.value) for each in record.digests if each.algorithm in HASH_NAMES)


def compute_serial_number(report: AuditReport, specification: str, version: str | None, has_findings: bool) -> UUID:
    """Compute the serial number from the bytes, the tool, the rules, the policy and the decisions.

    Args:
        report: the report.
        specification: the version of CycloneDX.
        version: of the model.
        has_findings: whether the document lists the findings.
    """
    files = [[each.path, each.size, [str(digest) for digest in each.digests]] for each in report.coverage.artifacts]
    key = [
        *(specification, version, report.target.kind, report.target.commit, has_findings, report.tool.name),
        *(report.tool.version, report.tool.rules_digest, report.policy.digest, report.policy.name, files),
        sorted(f"{each.place} {each.subject} {each.answer} {each.bound_to}" for each in report.decisions),
    ]
    return uuid5(NAMESPACE_URL, f"urn:modelaudit:cyclonedx:{json.dumps(key)}")
