"""The packages around the model: base models, data sets and libraries."""

from __future__ import annotations

from typing import Final

from packageurl import PackageURL
from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.description import Topic
from modelaudit.model.license import ConclusionState, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.reports.named_libraries import list_libraries
from modelaudit.reports.package_url import REPOSITORY_ID
from modelaudit.reports.spdx.elements import ElementSet, hash_key
from modelaudit.reports.spdx.licenses import Licenses, join_expressions
from modelaudit.reports.spdx.model_package import is_dataset_name
from modelaudit.reports.text import escape_unprintable, validate_https_link

_KINDS: Final = spdx.RelationshipType
_PURPOSES: Final = spdx.software_SoftwarePurpose
_EVALUATION: Final = "evaluation"


def add_base_models(elements: ElementSet, licenses: Licenses, model: spdx.ai_AIPackage, report: AuditReport) -> None:
    """Add the base models, each as an ancestor of the model that was made from it."""
    packages: dict[str, spdx.ai_AIPackage] = {"": model}
    origins = report.license.origins
    for origin in origins:
        if origin.name not in packages:
            package = elements.add(spdx.ai_AIPackage(), hash_key("base", origin.name), origin.name)
            package.software_primaryPurpose = _PURPOSES.model
            if origin.commit:
                package.software_packageVersion = escape_unprintable(origin.commit)
            if (purl := _build_purl(origin.name, origin.commit)) is not None:
                package.software_packageUrl = purl
            expression = join_expressions(origin.entries)
            is_read = origin.look is OriginState.READ
            is_concluded = is_read and origin.state is ConclusionState.CONCLUDED
            licenses.relate(package, expression if is_read else "", expression if is_concluded else "")
            packages[origin.name] = package
    for fact in report.description.list_facts(Topic.BASE_MODEL):
        if fact.value not in packages:
            package = elements.add(spdx.ai_AIPackage(), hash_key("base", fact.value), fact.value)
            package.software_primaryPurpose = _PURPOSES.model
            licenses.relate(package, "", "")
            elements.relate(_KINDS.descendantOf, model, [package], comment=fact.get("relation"))
            packages[fact.value] = package
    for origin in origins:
        made = packages.get(origin.made)
        if made is not None and made is not packages[origin.name]:
            elements.relate(_KINDS.descendantOf, made, [packages[origin.name]], comment=origin.relation)


def _build_purl(name: str, commit: str | None) -> str | None:
    """Build the package URL of a model of the Hub; ``None`` for a name that is no id there."""
    if not commit or not REPOSITORY_ID.fullmatch(name):
        return None
    namespace, _, short = name.rpartition("/")
    return PackageURL("huggingface", namespace or None, short, commit.lower()).to_string()


def add_datasets(elements: ElementSet, licenses: Licenses, model: spdx.ai_AIPackage, report: AuditReport) -> bool:
    """Add the data sets that the model was trained and tested on; return whether there are any."""
    stated = [fact for fact in report.description.list_facts(Topic.DATASET) if is_dataset_name(fact)]
    claims = {claim.name: claim for claim in report.license.datasets}
    by_use: dict[str, list[spdx.Element | str]] = {_KINDS.trainedOn: [], _KINDS.testedOn: []}
    evaluated = {fact.value for fact in stated if fact.get("use") == _EVALUATION}
    trained = {fact.value for fact in stated if fact.get("use") != _EVALUATION} | claims.keys()
    for name in dict.fromkeys((*claims, *(fact.value for fact in stated))):
        package = elements.add(spdx.dataset_DatasetPackage(), hash_key("dataset", name), name)
        package.software_primaryPurpose = _PURPOSES.data
        # The class demands a type, and nothing that was read states one.
        package.dataset_datasetType = [spdx.dataset_DatasetType.noAssertion]
        facts = [fact for fact in stated if fact.value == name]
        version = next((fact.get("revision") for fact in facts if fact.get("revision")), "")
        if version:
            package.software_packageVersion = escape_unprintable(version)
        link = next(filter(None, (validate_https_link(fact.get("url")) for fact in facts)), None)
        if link:
            package.software_downloadLocation = link
        claim = claims.get(name)
        is_read = claim is not None and claim.look is OriginState.READ
        licenses.relate(package, join_expressions(claim.entries) if claim is not None and is_read else "", "")
        if name in trained:
            by_use[_KINDS.trainedOn].append(package)
        if name in evaluated:
            by_use[_KINDS.testedOn].append(package)
    for kind, packages in by_use.items():
        elements.relate(kind, model, packages, spdx.RelationshipCompleteness.noAssertion)
    return bool(claims or stated)


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
