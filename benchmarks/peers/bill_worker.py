"""Write a bill of materials of the files and findings of a JSON report with cyclonedx-python-lib alone."""

import json
import sys
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.vulnerability import BomTarget, Vulnerability
from cyclonedx.output.json import JsonV1Dot6

report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
files = [
    Component(
        name=record["path"],
        type=ComponentType.FILE,
        bom_ref=f"file:{record['path']}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest["value"]) for digest in record["digests"][:1]],
    )
    for record in report["decision"]["coverage"]["artifacts"]
]
findings = [
    Vulnerability(
        id=finding["rule"],
        bom_ref=f"finding:{number}",
        description=finding["message"],
        affects=[BomTarget(ref=f"file:{finding['artifact']}")],
    )
    for number, finding in enumerate(report["findings"])
]
root = Component(name="large", type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref="model")
bill = Bom(components=files, vulnerabilities=findings)
bill.metadata.component = root
bill.register_dependency(root, files)
Path(sys.argv[2]).write_text(JsonV1Dot6(bill).output_as_string(), encoding="utf-8")
