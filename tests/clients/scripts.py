"""Scripts for Node that use clients from npm; they are in node/."""

import json
import os
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parent / "node"


def node(script, steps, **more):
    """What a script says to each step: its value, or an error as an exception. The script itself
    must not fail."""
    results = attempt(script, steps, **more)
    for step, result in zip(steps, results, strict=True):
        assert "value" in result, (step, result)
    return [result["value"] for result in results]


def attempt(script, steps, **more):
    """What a script says to each step, be it a value or an error."""
    (binary,) = Path(os.environ["CASGATE_NPM"]).glob("kubo/node_modules/node-linux-*/bin/node")
    command = [binary, "--import", SCRIPTS / "resolve.mjs", SCRIPTS / f"{script}.mjs"]
    done = subprocess.run(
        [str(part) for part in command],
        input=json.dumps(more | {"steps": steps}),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return json.loads(done.stdout)
