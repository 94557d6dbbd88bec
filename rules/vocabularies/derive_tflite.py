"""Derive the list of trusted operators of TensorFlow inside TensorFlow Lite from an installed tensorflow.

Run it where tensorflow is installed, and review the difference::

    python rules/vocabularies/derive_tflite.py

In TensorFlow Lite, the name of an operator of TensorFlow has the prefix ``Flex``. Operators that compute on tensors are
listed. ``REACHING`` leaves out operators that access files, other machines, Python or devices, and those that need
iterators, summaries or sessions, which a converted model does not have.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tensorflow
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

HERE = Path(__file__).resolve().parent / "tflite-operators"
# Any part of a name, such as "ReadFile", "PyFunc", "IteratorGetNext", "DebugIdentity" or "XlaLaunch".
REACHING = re.compile(
    r"File|Save|Restore|Checkpoint|Py|Dataset|Iterator|Reader|Summary|Session|Rpc|Remote|Send|Recv|Debug|Xla|TPU|Tpu"
    r"|Nccl|Collective|Dtensor|DTensor|Copy|Host|Print|Abort|Immutable|Shard|Sdca|Worker|Cluster|Load|Retrieve|Mlir"
    r"|^_|Custom|Library|Function|Bigtable|Kafka|Audio.*Io|Distributed|ConfigureDist|Barrier|Accumulator|Mutex|Stage"
    r"|MapIncomplete|MapClear|MapPeek|OrderedMap|Memcpy|Device|Service|Profile|Trace|Test|Launch|Call$|Batch$|Unbatch"
    r"|Elastic|Outfeed|Infeed|Composite|Encode.*Proto|Decode.*Proto|Proto|Uniform.*Seed|Temporary|NodeDef|Delete|Write|Read"
    r"|FixedUnigram|Skipgram|Dump|RecordInput|ImportEvent|VocabRemapping|SymbolicGradient|Defun|Attr|Dedup|SparseCore"
    r"|inibatch|Relayout|Risc|Event"
)
# Operators that compute although ``REACHING`` matches a part of their names.
KEPT = {"PartitionedCall", "StatefulPartitionedCall", "ReadVariableOp", "TensorArrayReadV3", "TensorArrayWriteV3",
        "TensorArrayV3", "HashTableV2", "LookupTableFindV2", "LookupTableImportV2", "LookupTableSizeV2"}  # fmt: skip
WHY = "an operator of TensorFlow, which computes on its inputs"


def main() -> None:
    """Write the list and print the omitted names."""
    listed = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    known = {operator.name for operator in listed.op}
    trusted = {name for name in known if not REACHING.search(name)} | (KEPT & known)
    lines = [f"# Derived by ../derive_tflite.py from tensorflow {tensorflow.__version__}; do not edit."]
    lines += ["library: tensorflow", "trusted:", "  alike:", f"    - why: {WHY}", "      names:"]
    lines += [f"        - Flex{name}" for name in sorted(trusted)]
    (HERE / "flex-derived.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(trusted)} listed; left out: {' '.join(sorted(known - trusted))}\n")


if __name__ == "__main__":
    main()
