"""Validators of npm that read our bills of materials; ``make test`` installs them."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_LIBRARY: Final = ROOT / "build/npm"
_CDX_VALIDATE: Final = ROOT / "build/cdxgen/node_modules/.bin/cdx-validate"

_VALIDATE: Final = """
import { readFileSync } from "node:fs";
import { Validation } from "@cyclonedx/cyclonedx-library";
const errors = [];
for (const path of process.argv.slice(1)) {
    const text = readFileSync(path, "utf-8");
    const validator = new Validation.JsonStrictValidator(JSON.parse(text).specVersion);
    for (const error of await validator.validate(text) ?? []) errors.push(`${path}: ${JSON.stringify(error)}`);
}
console.log(JSON.stringify(errors));
"""


@dataclass(frozen=True)
class CdxVerdict:
    """What ``cdx-validate`` of cdxgen says about a bill of materials.

    Attributes:
        schema_valid: whether the bill fits the schema and cdxgen's own checks.
        deep_valid: whether its purls and references resolve.
        failed: the message of each failed rule of OWASP SCVS and the Cyber Resilience Act, by the id of the rule.
        output: what the command printed, which names the reasons where a flag is false.
    """

    schema_valid: bool
    deep_valid: bool
    failed: dict[str, str]
    output: str


def validate_with_cdx_validate(path: Path) -> CdxVerdict:
    """Validate a CycloneDX file of a few hundred components; the command takes 36 s for 10,000.

    Raises:
        subprocess.CalledProcessError: the command could not run, or the file is no bill of materials.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"  # it cuts what it writes to a pipe
        words = ("--strict", "--fail-severity", "critical", "-i", path, "-r", "json", "-o", report)
        done = subprocess.run([_CDX_VALIDATE, *words], capture_output=True, text=True, check=False)
        if not report.exists():
            raise subprocess.CalledProcessError(done.returncode, "cdx-validate", done.stdout, done.stderr)
        found = json.loads(report.read_text(encoding="utf-8"))
    failed = {each["ruleId"]: each["message"] for each in found["findings"] if each["status"] == "fail"}
    return CdxVerdict(found["schemaValid"], found["deepValid"], failed, done.stdout + done.stderr)


def validate_with_npm_library(*paths: Path) -> list[str]:
    """Validate CycloneDX files with the strict validator of ``@cyclonedx/cyclonedx-library``; return its errors."""
    command = ["node", "--input-type=module", "--eval", _VALIDATE, "--", *(path.resolve() for path in paths)]
    done = subprocess.run(command, cwd=_LIBRARY, capture_output=True, text=True, check=True)
    errors: list[str] = json.loads(done.stdout)
    return errors
