#!/bin/bash
# The grader executes this at the root of a submission, where predict.py lies. A source checkout has it in submission/.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
if [ -f predict.py ]; then
    exec python predict.py
fi
PYTHONPATH=. exec python submission/predict.py
