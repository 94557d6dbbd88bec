"""``make fuzz-guided``: let coverage guide the mutations, so that inputs reach code that blind ones do not.

Atheris (libFuzzer) keeps each input that executes new branches of ``modelaudit`` and mutates it further. An input is the
file name in its first line, then the bytes of the file. The corpus starts with the seeds of ``fuzz.seeds``. An input with
a problem is saved and ends the run with an exit code other than 0.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["modelaudit"], enable_loader_override=False):
    import modelaudit

    # Readers are imported on first use, which is too late: only imports in this block are instrumented.
    for _module in pkgutil.walk_packages(modelaudit.__path__, "modelaudit."):
        if not _module.name.endswith("__main__"):
            importlib.import_module(_module.name)
    from fuzz.inspection import Inspector

from fuzz.campaign import Problem, save_problem
from fuzz.seeds import SIZE_KEPT, list_seeds, pack_input, split_input

_SECONDS_OF_INPUT: Final = 120
"""Seconds of wall time after which libFuzzer calls an input a hang; instrumented code runs several times slower."""
_MEMORY_MIB: Final = 4096


class ProblemError(Exception):
    """An input has a problem; libFuzzer saves the input."""


def write_corpus(folder: Path, only: str) -> int:
    """Write each seed whose name contains ``only`` as an input into ``folder``; return their number."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = list_seeds(only)
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number:05}").write_bytes(pack_input(seed.name.rpartition("/")[2], seed.data))
    return len(seeds)


def main() -> None:
    """Write the corpus and run libFuzzer, which ends the process."""
    parser = argparse.ArgumentParser(prog="fuzz.guided", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="of wall time")
    parser.add_argument("--only", default="", help="seeds whose name contains this, such as pickle/ or .zip")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/fuzz"), help="of the corpus and of inputs with problems"
    )
    options = parser.parse_args()
    corpus = options.folder / "corpus"
    if not write_corpus(corpus, options.only):
        parser.error(f"no seed has {options.only!r} in its name")
    # Instrumented code is slower, so only the campaign measures time.
    inspector = Inspector(measures_time=False)

    def inspect(data: bytes) -> None:
        name, content = split_input(data)
        if problems := inspector.find_problems(content, name):
            text = "; ".join(problems)
            save_problem(options.folder, "guided", Problem(0, text, name, "the corpus", content))
            raise ProblemError(text)

    arguments = {
        "max_total_time": options.seconds,
        "artifact_prefix": f"{options.folder}/guided-",
        "max_len": SIZE_KEPT,
        "timeout": _SECONDS_OF_INPUT,
        "rss_limit_mb": _MEMORY_MIB,
        "print_final_stats": 1,
    }
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in arguments.items()), str(corpus)], inspect)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
