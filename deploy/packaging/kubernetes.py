"""What Kubernetes would say of a manifest: the schemas of its API, those of custom resources, and the restricted profile.

It must never know the chart: it judges manifests, whoever wrote them.
"""

import os
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

# The oldest that the chart promises, and the newest that is known.
VERSIONS = ["1.30", "1.37"]


def _closed(schema):
    """A structural schema of a custom resource, in which an unknown field is a fault, as it is to kubectl."""
    if not isinstance(schema, dict):
        return schema
    closed = {name: value for name, value in schema.items() if not name.startswith("x-kubernetes-") and name not in ("format", "description")}
    if "(?i)" in closed.get("pattern", ""):
        # Go takes this flag anywhere, Python at the beginning.
        closed["pattern"] = "(?i)" + closed["pattern"].replace("(?i)", "")
    for name in ("items", "additionalProperties", "not"):
        if name in closed:
            closed[name] = _closed(closed[name])
    for name in ("anyOf", "oneOf", "allOf"):
        if name in closed:
            closed[name] = [dict(part) for part in closed[name]]
    if "properties" in closed:
        closed["properties"] = {name: _closed(value) for name, value in closed["properties"].items()}
        if "additionalProperties" not in closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["additionalProperties"] = False
    if closed.pop("nullable", False) and "type" in closed:
        closed["type"] = [closed["type"], "null"]
    return closed


class CustomResources:
    """Schemas by apiVersion and kind."""

    def __init__(self):
        self.schemas = {}
        for path in sorted(Path(os.environ["DEFINITIONS"]).glob("*.yaml")):
            for definition in yaml.safe_load_all(path.read_text()):
                if not definition or definition.get("kind") != "CustomResourceDefinition":
                    continue
                spec = definition["spec"]
                for version in spec["versions"]:
                    schema = _closed(version["schema"]["openAPIV3Schema"])
                    # metadata is checked by Kubernetes, not by the definition.
                    schema["properties"]["metadata"] = {"type": "object"}
                    self.schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema

    def validate(self, manifest):
        """Raises on a fault, or where the kind is not known."""
        jsonschema.validate(manifest, self.schemas[manifest["apiVersion"], manifest["kind"]])


def validate(manifest, custom):
    """Against every version; raises on the first fault."""
    if (manifest["apiVersion"], manifest["kind"]) in custom.schemas:
        custom.validate(manifest)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)


def pod_of(manifest):
    """The pod template of a manifest, or None."""
    if manifest["kind"] == "Pod":
        return manifest
    return manifest.get("spec", {}).get("template") if manifest["kind"] in ("Deployment", "Job") else None


def containers(pod):
    """All containers of a pod, init ones first."""
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]


def restricted(pod):
    """Faults of a pod in the profile `restricted` of the Pod Security Standards, and what is stricter here."""
    spec, faults = pod["spec"], []
    own = spec.get("securityContext", {})
    if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        faults.append("shares something with the machine")
    if not own.get("runAsNonRoot") or own.get("runAsUser") == 0:
        faults.append("may run as root")
    if own.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        faults.append("has no seccomp profile")
    if spec.get("automountServiceAccountToken") is not False:
        faults.append("mounts a token for the API")
    if spec.get("enableServiceLinks") is not False:
        faults.append("takes service links, which look like settings")
    for container in containers(pod):
        context, name = container.get("securityContext", {}), container["name"]
        if context.get("allowPrivilegeEscalation") is not False:
            faults.append(f"{name} may gain privileges")
        if context.get("capabilities", {}).get("drop") != ["ALL"] or context.get("capabilities", {}).get("add"):
            faults.append(f"{name} has capabilities")
        if not context.get("readOnlyRootFilesystem"):
            faults.append(f"{name} may write its root filesystem")
        if not container.get("resources", {}).get("limits", {}).get("memory"):
            faults.append(f"{name} has no memory limit")
        if any(port.get("hostPort") for port in container.get("ports", [])):
            faults.append(f"{name} takes a port of the machine")
    return faults
