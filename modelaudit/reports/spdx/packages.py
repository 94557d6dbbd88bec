"""The packages around the model: base models, data sets and libraries."""

from __future__ import annotations

from typing import Final

from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.description import Topic
from modelaudit.model.license import ConclusionState, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.reports.named_datasets import list_datasets
from modelaudit.reports.named_libraries import list_libraries
from modelaudit.reports.package_url import build_base_purl
from modelaudit.reports.spdx.elements import ElementSet, hash_key
from modelaudit.reports.spdx.licenses import Licenses, join_expressions
from modelaudit.reports.text import escape_unprintable

_KINDS: Final = spdx.RelationshipType
_PURPOSES: Final = spdx.software_SoftwarePurpose


def add_base_models(elements: ElementSet, licenses: Licenses, model: spdx.ai_AIPackage, report: AuditReport) -> None:
    """Add the base models, each as an ancestor of the model that was made from it."""
    packages: dict[str, spdx.ai_AIPackage] = {"": model}
    origins = report.license.origins
    for origin in origins:
        if origin.name not in packages:
            package = elements.add(spdx.ai_AIPackage(), hash_key("base", origin.name), origin.name)
            package.software_primaryPurpose = _PURPOSES.model
            if origin.commit:
                package.software_packageVersion = escape_unprintable(origin.commit.lower())
            _set_purl(package, origin.name, origin.commit)
            expression = join_expressions(origin.entries)
            is_read = origin.look is OriginState.READ
            is_concluded = is_read and origin.state is ConclusionState.CONCLUDED
            licenses.relate(package, expression if is_read else "", expression if is_concluded else "")
            packages[origin.name] = package
    for fact in report.description.list_facts(Topic.BASE_MODEL):
        if fact.value not in packages:
            package = elements.add(spdx.ai_AIPackage(), hash_key("base", fact.value), fact.value)
            package.software_primaryPurpose = _PURPOSES.model
            _set_purl(package, fact.value, None)
            licenses.relate(package, "", "")
            elements.relate(_KINDS.descendantOf, model, [package], comment=fact.get("relation"))
            packages[fact.value] = package
    for origin in origins:
        made = packages.get(origin.made)
        if made is not None and made is not packages[origin.name]:
            elements.relate(_KINDS.descendantOf, made, [packages[origin.name]], comment=origin.relation)


def _set_purl(package: spdx.ai_AIPackage, name: str, commit: str | None) -> None:
    """Give the package of a base model its package URL, if its name is an id of the Hub."""
    purl = build_base_purl(name, commit)
    if purl is not None:
        package.software_packageUrl = purl.to_string()


def add_datasets(elements: ElementSet, licenses: Licenses, model: spdx.ai_AIPackage, report: AuditReport) -> bool:
    """Add the data sets that the model was trained and tested on; return whether there are any."""
    datasets = list_datasets(report)
    trained: list[spdx.Element | str] = []
    tested: list[spdx.Element | str] = []
    for dataset in datasets:
        key = hash_key("dataset", f"{dataset.number}/{dataset.name}")
        package = elements.add(spdx.dataset_DatasetPackage(), key, dataset.title)
        package.software_primaryPurpose = _PURPOSES.data
        # The class demands a type, and nothing that was read states one.
        package.dataset_datasetType = [spdx.dataset_DatasetType.noAssertion]
        if dataset.title != dataset.name:
            package.description = escape_unprintable(dataset.name)
        if dataset.revision:
            package.software_packageVersion = escape_unprintable(dataset.revision)
        if dataset.purl:
            package.software_packageUrl = dataset.purl.to_string()
        if dataset.address:
            package.software_downloadLocation = dataset.address
        declared = dataset.licenses if dataset.has_declared_license else ()
        licenses.relate_words(package, declared)
        if dataset.is_trained_on:
            trained.append(package)
        if dataset.is_evaluated_on:
            tested.append(package)
    for kind, packages in ((_KINDS.trainedOn, trained), (_KINDS.testedOn, tested)):
        elements.relate(kind, model, packages, spdx.RelationshipCompleteness.noAssertion)
    return bool(datasets)


def add_libraries(elements: ElementSet, model: spdx.ai_AIPackage, report: AuditReport) -> None:
    """Add the libraries that code, requirements and configurations name.

    A checker of NTIA's minimum elements judges every package that ``dependsOn`` reaches, and asks for its supplier and
    version. No file of a model states the supplier of a library, so the model has a requirement on it instead.
    """
    packages: list[spdx.Element | str] = []
    for library in list_libraries(report.description):
        package = elements.add(spdx.software_Package(), hash_key("library", library.name), library.name)
        package.software_primaryPurpose = _PURPOSES.library
        if library.version is not None:
            package.software_packageVersion = library.version
        if library.purl is not None:
            package.software_packageUrl = library.purl.to_string()
        packages.append(package)
    elements.relate(_KINDS.hasRequirement, model, packages, spdx.RelationshipCompleteness.incomplete)
