"""The Dockerfile by hadolint, the compose file by the library of `docker compose`."""

import os
import re
import subprocess

import yaml

from places import ROOT

COMPOSE_FILE = ROOT / "deploy/compose.yaml"
DOCKERFILE = ROOT / "deploy/Dockerfile"


def _compose():
    done = subprocess.run([os.environ["COMPOSE"], COMPOSE_FILE.name], cwd=COMPOSE_FILE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def _hadolint():
    done = subprocess.run([os.environ["HADOLINT"], "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _context():
    """A member of the workspace that the context leaves out would fail the build: cargo reads all manifests."""
    kept = {line[1:].strip() for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    members = re.search(r"members = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.S)[1]
    for member in re.findall(r'"(.+?)"', members):
        assert any(member == folder or member.startswith(f"{folder}/") for folder in kept), f"{member} is not in the context"


def _compose_is_valid():
    services = _compose()["services"]
    assert {"postgres", "redis", "bootstrap", "change-capture-1", "change-capture-2", "gateway-1", "gateway-2", "prometheus", "grafana"} <= set(services)
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", f"{name} is open to the network"
        if service["image"] == "tidegate" and name != "bootstrap":
            assert service["read_only"] and service["cap_drop"] == ["ALL"], f"{name} is not hardened"
        for wanted in service.get("depends_on", {}).values():
            assert wanted.get("required", True)


def _files_of_compose_exist():
    for name, service in _compose()["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert os.path.exists(volume["source"]), f"{name}: {volume['source']} does not exist"


def _settings_of_compose_exist():
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/configuration.md").read_text(), re.M))
    for name, service in _compose()["services"].items():
        if service["image"] == "tidegate":
            assert not set(service["environment"]) - known, f"{name}: {set(service['environment']) - known}"


def _versions_agree():
    """The image builds with the toolchain that the workspace pins."""
    pinned = re.search(r'channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text())[1]
    text = DOCKERFILE.read_text()
    assert f"RUSTUP_TOOLCHAIN={pinned}" in text and f"rust:{pinned.rsplit('.', 1)[0]}-" in text, pinned


def checks():
    yield "hadolint finds nothing", _hadolint
    yield "the build's context holds the workspace", _context
    yield "the image's toolchain is the workspace's", _versions_agree
    yield "compose: valid, hardened, on this machine only", _compose_is_valid
    yield "compose: files that are mounted exist", _files_of_compose_exist
    yield "compose: settings exist", _settings_of_compose_exist
