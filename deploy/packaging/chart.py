"""The Helm chart as a text: that it renders into what Kubernetes takes, whatever values it is given, and says no clearly."""

import functools
import re
import tempfile
from pathlib import Path

import yaml

import helm
import kubernetes
from matrix import ACCEPTED, REFUSED
from places import CHART, ROOT

ADMIN_PATHS = {"startupProbe": "/startup", "livenessProbe": "/live", "readinessProbe": "/ready"}


@functools.cache
def _custom():
    return kubernetes.CustomResources()


@functools.cache
def _known_settings():
    return set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/configuration.md").read_text(), re.M))


def _accepted(values):
    helm.lint(values)
    for version in ("1.30.0", helm.KUBERNETES):
        manifests = helm.template(values, version=version)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names)), f"twice: {names}"
    for manifest in manifests:
        kubernetes.validate(manifest, _custom())
        assert len(manifest["metadata"]["name"]) <= 63, manifest["metadata"]["name"]
        assert manifest["metadata"]["namespace"] == "realtime", manifest["metadata"]
        for value in manifest["metadata"]["labels"].values():
            assert len(value) <= 63, value
        pod = kubernetes.pod_of(manifest)
        if pod:
            _pod(manifest, pod)
    _references(manifests)


def _pod(manifest, pod):
    faults = kubernetes.restricted(pod)
    assert not faults, f"{manifest['kind']} {manifest['metadata']['name']}: {faults}"
    for container in kubernetes.containers(pod):
        names = [variable["name"] for variable in container.get("env", [])]
        assert len(names) == len(set(names)), f"set twice: {names}"
        unknown = {name for name in names if name not in _known_settings()}
        assert not unknown - {"TZ", "NODE_NAME", "PROBE_TOKEN"}, f"no such settings: {unknown}"
        for probe, path in ADMIN_PATHS.items():
            if manifest["kind"] == "Deployment":
                assert container[probe]["httpGet"] == {"path": path, "port": "admin"}, container[probe]


def _references(manifests):
    """Selectors find pods, and names lead to services."""
    pods = [kubernetes.pod_of(manifest)["metadata"]["labels"] for manifest in manifests if kubernetes.pod_of(manifest)]
    services = {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == "Service"}

    def found(selector, among):
        return any(selector.items() <= labels.items() for labels in among)

    for manifest in manifests:
        spec, name = manifest.get("spec", {}), f"{manifest['kind']} {manifest['metadata']['name']}"
        if manifest["kind"] == "Service":
            assert found(spec["selector"], pods), name
        elif manifest["kind"] in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
            assert found(spec["selector"]["matchLabels"], pods), name
        elif manifest["kind"] == "NetworkPolicy":
            assert found(spec["podSelector"]["matchLabels"], pods), name
        elif manifest["kind"] == "ServiceMonitor":
            assert found(spec["selector"]["matchLabels"], [service["metadata"]["labels"] for service in services.values()]), name
        elif manifest["kind"] == "Ingress":
            for rule in spec["rules"]:
                for path in rule["http"]["paths"]:
                    assert path["backend"]["service"]["name"] in (*services, "directus"), name
        elif manifest["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            assert helm_deployment(manifests, spec["scaleTargetRef"]["name"]), name


def helm_deployment(manifests, name):
    return [manifest for manifest in manifests if manifest["kind"] == "Deployment" and manifest["metadata"]["name"] == name]


def _refused(values, words):
    for command in (helm.template, helm.lint):
        try:
            command(values)
        except helm.Refused as refusal:
            assert words in str(refusal), f"{words!r} is not in: {refusal}"
            if "values don't meet the specifications" not in str(refusal):
                return
        else:
            raise AssertionError("it was taken")


def _numbers_stay_numbers():
    """Helm reads 104857600 as a float and would print 1.048576e+08."""
    manifests = helm.template(ACCEPTED["a password for Redis, numbers and booleans as settings"])
    env = {variable["name"]: variable.get("value") for variable in helm.one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["GATEWAY_MAX_MESSAGE_BYTES"] == "104857600", env
    assert env["RATE_LIMITER_ENABLED"] == "true" and env["RATE_LIMITER_POINTS"] == "100", env
    worker = helm.one(manifests, "Deployment", "-capture")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "CAPTURE_POLL_MIN", "value": "0.5ms"} in worker and {"name": "CAPTURE_NOTIFY", "value": "off"} in worker, worker


def _certificates():
    manifests = helm.template(ACCEPTED["TLS to both stores, with a client certificate"])
    for manifest in (helm.one(manifests, "Deployment"), helm.one(manifests, "Deployment", "-capture"), helm.one(manifests, "Job", "-install")):
        env = {variable["name"]: variable for variable in kubernetes.pod_of(manifest)["spec"]["containers"][0]["env"]}
        assert env["DB_SSL"]["value"] == "true" and env["REDIS_TLS"]["value"] == "true", env
        for name, key in (("CA", "ca.crt"), ("CERT", "tls.crt"), ("KEY", "tls.key")):
            assert env[f"DB_SSL__{name}"]["valueFrom"]["secretKeyRef"] == {"name": "pg-tls", "key": key}, env
        assert not [name for name in env if name.startswith("REDIS_TLS__")], env


def _only_what_is_needed_leaves():
    policy = helm.one(helm.template(ACCEPTED["everything that scales and watches"]), "NetworkPolicy")["spec"]
    ports = sorted({(port["port"], port["protocol"]) for rule in policy["egress"] for port in rule["ports"]})
    assert ports == [(53, "TCP"), (53, "UDP"), (4318, "TCP"), (5432, "TCP"), (6379, "TCP")], ports
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    policy = helm.one(helm.template(ACCEPTED["addresses in secrets, a pooler in front"]), "NetworkPolicy")["spec"]
    assert {"ports": [{"port": 5432, "protocol": "TCP"}, {"port": 6432, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.1.2.0/24"}}]} in policy["egress"]


def _gateway_api_splits():
    rules = helm.one(helm.template(ACCEPTED["beside Directus, Gateway API"]), "HTTPRoute")["spec"]["rules"]
    assert [rule["backendRefs"][0]["name"] for rule in rules] == ["live-tidegate", "directus"], rules
    matches = rules[0]["matches"]
    assert {"path": {"type": "Exact", "value": "/websocket"}} in matches and {"path": {"type": "Exact", "value": "/websocket/logs"}} in matches
    graphql = [match for match in matches if match["path"]["value"] == "/graphql"]
    assert graphql == [{"path": {"type": "Exact", "value": "/graphql"}, "headers": [{"type": "Exact", "name": "Upgrade", "value": "websocket"}]}], graphql
    assert "timeouts" not in helm.one(helm.template(ACCEPTED["Gateway API without timeouts (GKE)"]), "HTTPRoute")["spec"]["rules"][0]


def _nginx_splits():
    manifests = helm.template(ACCEPTED["beside Directus, nginx"])
    main, canary = helm.one(manifests, "Ingress"), helm.one(manifests, "Ingress", "-graphql")
    paths = {path["path"]: path["backend"]["service"]["name"] for path in main["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {"/websocket": "live-tidegate", "/websocket/logs": "live-tidegate", "/graphql": "directus"}, paths
    prefix = "nginx.ingress.kubernetes.io/"
    assert canary["metadata"]["annotations"][prefix + "canary-by-header"] == "Upgrade"
    assert canary["metadata"]["annotations"][prefix + "canary-by-header-value"] == "websocket"
    assert main["metadata"]["annotations"][prefix + "proxy-read-timeout"] == "60", "annotations of the user win"
    assert main["metadata"]["annotations"][prefix + "proxy-send-timeout"] == "3600"


def _traefik_splits():
    route = helm.one(helm.template(ACCEPTED["beside Directus, Traefik"]), "IngressRoute", "-graphql")["spec"]["routes"][0]
    assert route["match"] == "Host(`cms.example.com`) && Path(`/graphql`) && HeaderRegexp(`Upgrade`, `(?i)^websocket$`)", route


def _alone_bootstraps_first():
    job = helm.one(helm.template(ACCEPTED["alone"]), "Job", "-install")
    pod = job["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["command"] == ["gateway", "bootstrap"] and pod["containers"][0]["command"] == ["change-capture", "install"]
    env = {variable["name"]: variable for variable in pod["initContainers"][0]["env"]}
    assert env["ADMIN_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "first-admin", "key": "ADMIN_TOKEN"}
    assert "initContainers" not in helm.one(helm.template(), "Job", "-install")["spec"]["template"]["spec"]
    for manifest in helm.template(ACCEPTED["alone"]):
        pod = kubernetes.pod_of(manifest) if manifest["kind"] == "Deployment" else None
        assert not pod or "ADMIN_PASSWORD" not in str(pod), "only the bootstrap needs the administrator's password"


def _scaling():
    spec = helm.one(helm.template(ACCEPTED["everything that scales and watches"]), "HorizontalPodAutoscaler")["spec"]
    names = [metric["resource"]["name"] if metric["type"] == "Resource" else metric["pods"]["metric"]["name"] for metric in spec["metrics"]]
    assert names == ["cpu", "memory", "tidegate_gateway_connections"], names
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    manifests = helm.template(ACCEPTED["everything that scales and watches"])
    assert "replicas" not in helm.one(manifests, "Deployment")["spec"], "a rollout would undo the scaling"
    keda = helm.one(helm.template(ACCEPTED["KEDA and PodMonitor"]), "ScaledObject")["spec"]
    assert 'namespace="realtime"' in keda["triggers"][1]["metadata"]["query"], keda
    metrics = (ROOT / "docs/metrics.md").read_text()
    assert "tidegate_gateway_connections" in metrics, "the metric that scales is a metric of the gateway"


def _drain():
    pod = helm.one(helm.template(), "Deployment")["spec"]["template"]["spec"]
    env = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert pod["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}} and env["GATEWAY_DRAIN_TIMEOUT"] == "20s"
    assert pod["terminationGracePeriodSeconds"] >= 5 + 20 + 5


def _one_source():
    manifests = helm.template(ACCEPTED["everything that scales and watches"])
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text())
    assert helm.one(manifests, "PrometheusRule")["spec"]["groups"] == rules["groups"]
    dashboard = (ROOT / "deploy/grafana/dashboard.json").read_text()
    assert helm.one(manifests, "ConfigMap", "-dashboard")["data"]["tidegate.json"].strip() == dashboard.strip()
    for name in ("rules.yaml", "dashboard.json"):
        assert (CHART / "files" / name).is_symlink(), f"files/{name} is a copy"


def _package():
    """An archive has the files behind the links, and renders like the folder."""
    values = ACCEPTED["everything that scales and watches"]
    with tempfile.TemporaryDirectory() as folder:
        helm.run("package", str(CHART), "--destination", folder, values=None)
        (archive,) = Path(folder).glob("*.tgz")
        assert helm.template(values, chart=str(archive)) == helm.template(values)


def _versions():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    workspace = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    assert chart["appVersion"] == workspace, f"Chart.yaml says {chart['appVersion']}, Cargo.toml {workspace}"


def checks():
    for name, values in ACCEPTED.items():
        yield f"accepted: {name}", functools.partial(_accepted, values)
    for name, (values, words) in REFUSED.items():
        yield f"refused: {name}", functools.partial(_refused, values, words)
    yield "numbers in settings stay as they were written", _numbers_stay_numbers
    yield "certificates come from a secret, to every program", _certificates
    yield "NetworkPolicy: egress to PostgreSQL, Redis, DNS and OTLP only", _only_what_is_needed_leaves
    yield "HTTPRoute: upgrades here, the rest to Directus", _gateway_api_splits
    yield "nginx: upgrades here, the rest to Directus", _nginx_splits
    yield "Traefik: upgrades here", _traefik_splits
    yield "alone: bootstrap before triggers", _alone_bootstraps_first
    yield "autoscaling on CPU, memory and connections; KEDA", _scaling
    yield "a pod has time to drain", _drain
    yield "a package renders like the folder", _package
    yield "appVersion is the version of the programs", _versions
    yield "alerts and dashboard come from deploy/", _one_source
