"""Calls helm.

It must never reach a cluster: everything here works on files.
"""

import os
import subprocess
import tempfile
import textwrap

import yaml

from places import CHART

KUBERNETES = "1.34.0"


class Refused(Exception):
    """Helm said no."""


def run(*arguments, values=""):
    """Its output; `values` is the text of a values file, None for commands that take none."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(textwrap.dedent(values or ""))
        file.flush()
        more = [] if values is None else ["-f", file.name]
        done = subprocess.run([os.environ["HELM"], *arguments, *more], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def lint(values=""):
    return run("lint", "--strict", "--kube-version", KUBERNETES, str(CHART), values=values)


def template(values="", release="live", namespace="realtime", version=KUBERNETES, chart=str(CHART)):
    """The manifests of a release."""
    text = run("template", release, chart, "--namespace", namespace, "--kube-version", version, values=values)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def one(manifests, kind, suffix=""):
    """The one manifest of a kind, whose name ends so."""
    found = [manifest for manifest in manifests if manifest["kind"] == kind and manifest["metadata"]["name"] == f"live-tidegate{suffix}"]
    assert len(found) == 1, f"{len(found)} of {kind} live-tidegate{suffix}"
    return found[0]
