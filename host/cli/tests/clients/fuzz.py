"""The host's own API is what its OpenAPI document says, whatever it is sent."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from openapi_spec_validator import validate

SECONDS = 60
# The same requests in every run, so that a change is blamed for what it did; another seed looks elsewhere.
SEED = os.environ.get("FUZZ_SEED", "1")
SERVER = f"http://127.0.0.1:{os.environ['DAPR_HTTP_PORT']}"
DOCUMENT = f"{SERVER}/api/v1/openapi.json"

# What is well-formed may still name what is not there, or be refused by a plugin's code: that is no fault.
NOT_CHECKED = "positive_data_acceptance"
# A component cannot be made up from a schema, and streams do not end.
NOT_CALLED = ["deploy_plugin", "fork_workflow", "stream_workflow_events", "stream_changes"]

with urllib.request.urlopen(DOCUMENT) as answer:
    document = json.load(answer)
validate(document)
assert document["openapi"] == "3.1.0", document["openapi"]

fuzzing = subprocess.run(
    [
        Path(sys.executable).with_name("schemathesis"),
        "run",
        DOCUMENT,
        f"--max-time={SECONDS}",
        f"--seed={SEED}",
        f"--exclude-checks={NOT_CHECKED}",
        *(f"--exclude-operation-id={name}" for name in NOT_CALLED),
        "--continue-on-failure",
        "--generation-database=none",
        "--warnings=off",
    ]
)
sys.exit(fuzzing.returncode)
