"""What the chart renders, run as processes on this machine: a kubelet by hand, with real programs, PostgreSQL and Redis.

It must never change a command or a setting, but for what a pod's own network gives: addresses and ports.
"""

import os
import sys
from pathlib import Path

import helm
import kubernetes
from places import ROOT

sys.path.insert(0, str(ROOT / "deploy"))
from local_stack import Stack, free_port, status, until  # noqa: E402

PROGRAMS = Path(os.environ["PROGRAMS"])
TOKEN = "helm-test-token-0123456789"
SECRETS = {"SECRET": "secret-of-the-chart-test-0123456789", "ADMIN_PASSWORD": "password-of-the-chart-test", "ADMIN_TOKEN": TOKEN}
VALUES = """
mode: alone
administrator: {{tokenKey: ADMIN_TOKEN}}
database: {{host: 127.0.0.1, port: {postgres}}}
redis: {{host: 127.0.0.1, port: {redis}}}
test: {{existingSecret: tidegate, collection: notes, item: {{text: helm test}}}}
"""


class Pods:
    """Starts containers as processes."""

    def __init__(self, stack):
        self.stack = stack
        self.secrets = {**SECRETS, "DB_PASSWORD": stack.password}

    def environment(self, container, **ports):
        """As the kubelet makes it; `ports` stand for the pod's own address."""
        found = {"CONFIG_PATH": "/dev/null"}
        for variable in container.get("env", []):
            if "value" in variable:
                found[variable["name"]] = variable["value"]
            else:
                found[variable["name"]] = self.secrets[variable["valueFrom"]["secretKeyRef"]["key"]]
        return {**found, "HOST": "127.0.0.1", **{name: str(port) for name, port in ports.items()}}

    @staticmethod
    def command(container):
        return [str(PROGRAMS / container["command"][0]), *container["command"][1:]]

    def job(self, manifest):
        for container in kubernetes.containers(kubernetes.pod_of(manifest)):
            code, output = self.stack.run(f"job-{container['name']}", self.command(container), self.environment(container))
            assert code == 0, f"{container['command']} ended with {code}: {output}"

    def deploy(self, manifest, name, **ports):
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        return self.stack.start(name, self.command(container), self.environment(container, **ports))


def _lives():
    """Install, two workers, two nodes, `helm test`, a rolling update, uninstall."""
    with Stack() as stack:
        manifests = helm.template(VALUES.format(postgres=stack.port, redis=stack.redis_port))
        pods = Pods(stack)
        stack.sql("create table notes (id serial primary key, text text)")
        pods.job(helm.one(manifests, "Job", "-install"))
        assert stack.sql("select count(*) > 0 from pg_trigger where tgrelid = 'notes'::regclass") == "t", "no triggers were installed"
        capture, gateway = helm.one(manifests, "Deployment", "-capture"), helm.one(manifests, "Deployment")
        workers = [(pods.deploy(capture, f"worker-{n}", CAPTURE_ADMIN_PORT=port), port) for n, port in enumerate([free_port(), free_port()])]
        probe = capture["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"]
        for worker, port in workers:
            until(f"a worker is ready, standby or not\n{worker.output()}", lambda port=port: status(f"http://127.0.0.1:{port}{probe}") == 200)
        container = gateway["spec"]["template"]["spec"]["containers"][0]
        nodes = []
        for n in range(2):
            port, admin = free_port(), free_port()
            nodes.append((pods.deploy(gateway, f"node-{n}", PORT=port, GATEWAY_ADMIN_PORT=admin), port, admin))
        for node, port, admin in nodes:
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                path = container[kind]["httpGet"]["path"]
                until(f"{kind} of a node\n{node.output()}", lambda admin=admin, path=path: status(f"http://127.0.0.1:{admin}{path}") == 200)
            # What the image's HEALTHCHECK runs.
            code, output = stack.run("health", [str(PROGRAMS / "gateway"), "health"], pods.environment(container, PORT=port, GATEWAY_ADMIN_PORT=admin))
            assert code == 0, output
        for node, _, _ in nodes:
            assert "not known" not in node.output(), node.output()
        _helm_test(stack, pods, manifests, [port for _, port, _ in nodes])
        # The leader is replaced: the standby takes over, and changes still come through.
        assert workers[0][0].stop() == 0, workers[0][0].output()
        _helm_test(stack, pods, manifests, [nodes[1][1]])
        assert nodes[0][0].stop() == 0, nodes[0][0].output()
        _helm_test(stack, pods, manifests, [nodes[1][1]])
        for process in (nodes[1][0], workers[1][0]):
            assert process.stop() == 0, process.output()
        pods.job(helm.one(manifests, "Job", "-uninstall"))
        assert stack.sql("select to_regnamespace('tidegate') is null") == "t", "the schema is still there"
        assert stack.sql("select count(*) from pg_trigger where tgrelid = 'notes'::regclass") == "0", "triggers are left"


def _helm_test(stack, pods, manifests, ports):
    """The pod of `helm test`, against each of these nodes in place of the service."""
    (container,) = kubernetes.pod_of(helm.one(manifests, "Pod", "-test"))["spec"]["containers"]
    url = container["command"][container["command"].index("--url") + 1]
    assert url == "ws://live-tidegate.realtime.svc.cluster.local:8055/websocket", url
    for port in ports:
        command = [f"ws://127.0.0.1:{port}/websocket" if word == url else word for word in pods.command(container)]
        code, output = stack.run("helm-test", command, pods.environment(container))
        assert code == 0 and "came back as an event" in output, output


def _test_without_token():
    """Without a token the test pod still tells a node from none."""
    (container,) = kubernetes.pod_of(helm.one(helm.template(), "Pod", "-test"))["spec"]["containers"]
    assert "env" not in container
    with Stack(redis=False) as stack:
        command = [str(PROGRAMS / "gateway"), *container["command"][1:]]
        at = command.index("--url") + 1
        environment = {**stack.environment(), "SECRET": SECRETS["SECRET"]}
        code, output = stack.run("bootstrap", [str(PROGRAMS / "gateway"), "bootstrap"], environment)
        assert code == 0, output
        port = free_port()
        command[at] = f"ws://127.0.0.1:{port}/websocket"
        code, output = stack.run("nobody", command, {})
        assert code == 1 and "cannot connect" in output, output
        node = stack.start("node", [str(PROGRAMS / "gateway"), "standalone"], {**environment, "PORT": str(port)})
        until(f"a node\n{node.output()}", lambda: status(f"http://127.0.0.1:{port}/server/ping") == 200)
        code, output = stack.run("test", command, {})
        assert code == 0 and "asks for credentials" in output, output


def checks():
    yield "install, roll, test and uninstall, by real programs", _lives
    yield "helm test without a token", _test_without_token
