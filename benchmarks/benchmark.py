"""Time the model on this machine. This is the command `lightsaft benchmark`, with the same options.

python benchmarks/benchmark.py --threads 2
python benchmarks/benchmark.py --threads 2 --json
"""

import sys

from lightsaft_infer.cli import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))
