"""Write the bill of materials of a report.

The model is the root component. Every file, library and data set is a component that the root depends on, and every
finding is a vulnerability that affects a file. Facts without a field in the standard are properties with the prefix
``modelaudit:``. Invisible characters are escaped, so a name here may differ from the real file name, which only the
JSON report contains.

The library writes all that it models; ``extension`` adds the rest. Files and findings are converted one by one when
they are written, because the time of the library grows with the square of their number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalContact, OrganizationalEntity
from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import Json as JsonOutput
from cyclonedx.output.json import JsonV1Dot6, JsonV1Dot7
from cyclonedx.schema.schema import BaseSchemaVersion, SchemaVersion1Dot6, SchemaVersion1Dot7

from modelaudit.model.artifact import RefKind
from modelaudit.model.report import AuditReport
from modelaudit.reports.canonical_json import Json, LazyList, encode_canonical
from modelaudit.reports.cyclonedx.citations import build_citations
from modelaudit.reports.cyclonedx.datasets import build_data_parts, build_dataset_ref, build_datasets
from modelaudit.reports.cyclonedx.extension import Extension, JsonObject, list_items
from modelaudit.reports.cyclonedx.files import build_file, build_file_ref, name_file
from modelaudit.reports.cyclonedx.findings import build_findings
from modelaudit.reports.cyclonedx.generator_names import build_generator_properties
from modelaudit.reports.cyclonedx.identity import compute_serial_number
from modelaudit.reports.cyclonedx.libraries import build_libraries
from modelaudit.reports.cyclonedx.licenses import list_declared_beside_expression
from modelaudit.reports.cyclonedx.model_card import build_model_card
from modelaudit.reports.cyclonedx.properties import ROOT_REF, TOOL_REF, build_properties
from modelaudit.reports.cyclonedx.references import build_references, build_report_reference
from modelaudit.reports.cyclonedx.root import build_root, build_supplier
from modelaudit.reports.cyclonedx.statements import build_annotations, build_compositions
from modelaudit.reports.inventory import compute_tree_digest
from modelaudit.reports.json_report import compute_report_digest
from modelaudit.reports.named_datasets import Dataset, list_datasets
from modelaudit.reports.text import escape_unprintable


def render_cyclonedx(report: AuditReport, *, bom_findings: bool = True) -> bytes:
    """Render the bill of materials in version 1.6. The same report always gives the same bytes.

    Args:
        report: the report.
        bom_findings: whether the findings are vulnerabilities of the document.
    """
    return _render(report, SchemaVersion1Dot6, JsonV1Dot6, bom_findings)


def render_cyclonedx_17(report: AuditReport, *, bom_findings: bool = True) -> bytes:
    """Render the bill of materials in version 1.7; see ``render_cyclonedx``."""
    return _render(report, SchemaVersion1Dot7, JsonV1Dot7, bom_findings)


def _render(report: AuditReport, view: type[BaseSchemaVersion], output: type[JsonOutput], has_findings: bool) -> bytes:
    """Render the bill of materials in one version of the schema."""
    specification = view().get_schema_version()
    report_digest = compute_report_digest(report)
    root = build_root(
        report, compute_tree_digest(report), [*build_references(report), build_report_reference(report_digest)]
    )
    libraries, datasets = build_libraries(report.description), list_datasets(report)
    few = [*build_datasets(datasets, report.license), *libraries]
    bom = Bom(
        serial_number=compute_serial_number(report, specification, root.version, has_findings),
        components=few,
        metadata=_build_metadata(report, root, report_digest),
    )
    bom.register_dependency(root, few)  # the library warns of a root without dependencies
    value: JsonObject = json.loads(output(bom).output_as_string())
    file_refs = {record.path: build_file_ref(record.path) for record in report.coverage.artifacts}
    _build_extension(report, view, file_refs, datasets, libraries).add_to(value)
    if view is SchemaVersion1Dot7:
        citations = build_citations(report.description, value, file_refs, _read_created(report).isoformat())
        value |= {"citations": citations} if citations else {}
    _add_files(value, report, file_refs)
    refs = [*(str(each.bom_ref) for each in few), *file_refs.values()]
    value["dependencies"] = LazyList(_list_dependencies(refs), len(refs) + 1)
    if has_findings and report.findings:
        value["vulnerabilities"] = LazyList(build_findings(report, file_refs), len(report.findings))
    return encode_canonical(value)


def _build_metadata(report: AuditReport, root: Component, report_digest: str) -> BomMetaData:
    """Build the metadata: author, subject, time, and the phase of the model's life."""
    policy = report.policy
    organization = OrganizationalEntity(name=escape_unprintable(policy.organization)) if policy.organization else None
    return BomMetaData(
        component=root,
        timestamp=_read_created(report),
        lifecycles=[PredefinedLifecycle(phase=LifecyclePhase.POST_BUILD)],
        tools=ToolRepository(components=[_build_tool(report)]),
        # Those who publish the model supply it. Those who review it make this document.
        supplier=build_supplier(report),
        manufacturer=organization,
        authors=[OrganizationalContact(name=escape_unprintable(policy.reviewer))] if policy.reviewer else [],
        properties=[
            *build_properties(("report:schema", report.schema), ("report:sha256", report_digest)),
            *build_generator_properties(report, root),
        ],
    )


def _read_created(report: AuditReport) -> datetime:
    """Return the time of the report in UTC."""
    return datetime.fromisoformat(report.created).astimezone(UTC)


def _build_tool(report: AuditReport) -> Component:
    """Build the component that describes this program and its rules."""
    return Component(
        type=ComponentType.APPLICATION,
        name=escape_unprintable(report.tool.name),
        version=escape_unprintable(report.tool.version),
        bom_ref=TOOL_REF,
        properties=build_properties(("rules:sha256", report.tool.rules_digest), ("rules:edition", report.tool.edition)),
    )


def _build_extension(
    report: AuditReport,
    view: type[BaseSchemaVersion],
    file_refs: dict[str, str],
    datasets: Sequence[Dataset],
    libraries: Iterable[Component],
) -> Extension:
    """Build the parts that the library does not model."""
    is_dataset = report.target.kind is RefKind.DATASET
    can_mix = view is SchemaVersion1Dot7
    declared = list_declared_beside_expression(report.license) if can_mix else []
    return Extension(
        {} if is_dataset else build_model_card(report.description, map(build_dataset_ref, datasets)),
        [{"license": json.loads(each.as_json(view_=view))} for each in declared],  # type: ignore[attr-defined]
        build_data_parts(datasets),
        build_compositions(report, file_refs, [str(each.bom_ref) for each in libraries]),
        build_annotations(report, _read_created(report).isoformat()),
    )


def _add_files(value: JsonObject, report: AuditReport, file_refs: dict[str, str]) -> None:
    """Add the component of each file before those that the library wrote.

    Tools that take the first component for the model read a file then, and no facts of a data set.
    """
    few = list_items(value, "components")
    rows = [(name_file(record), file_refs[record.path], record) for record in report.coverage.artifacts]
    rows.sort(key=lambda row: row[:2])
    if few or rows:
        value["components"] = LazyList(chain((build_file(*row) for row in rows), few), len(few) + len(rows))


def _list_dependencies(refs: Iterable[str]) -> Iterator[Json]:
    """Yield the dependencies: the root on everything else, which depends on nothing that is known.

    Each has the list ``dependsOn``, although an empty one may be left out: ``cdx-validate`` fails without it.
    """
    ordered: list[Json] = [*sorted(refs)]
    yield {"ref": ROOT_REF, "dependsOn": ordered}
    yield from ({"ref": ref, "dependsOn": []} for ref in ordered)
