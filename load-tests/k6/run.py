"""Runs k6 scripts, each against a deployment of its own, with a writer on the SQL side, and sums up.

A run counts only if k6's thresholds held *and* as many rows arrived as the writer wrote for these subscribers: a script
that heard nothing has not passed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from deployment import ADMIN_TOKEN, READER, READER_TOKEN, ROLE, SECRET, Deployment, until
from slow_consumer import SlowConsumer
from writer import Writer

HERE = Path(__file__).resolve().parent
# Sockets, seconds, and what is written meanwhile; small enough for two cores that other work shares.
SCENARIOS = {
    "connect_ramp": {"sockets": 300, "seconds": 10},
    "idle_hold": {"sockets": 500, "seconds": 45, "settings": {"WEBSOCKETS_HEARTBEAT_PERIOD": "10"}},
    "fan_out": {"sockets": 100, "seconds": 15, "write": {"kind": "rows", "rate": 20}},
    "many_filters": {"sockets": 200, "seconds": 15, "owners": 200, "write": {"kind": "rows", "rate": 200}},
    "permission_mix": {"sockets": 50, "seconds": 15, "write": {"kind": "mix", "rate": 50}},
    "crud": {"sockets": 8, "seconds": 15},
    "leave_view": {"sockets": 50, "seconds": 15, "write": {"kind": "leave", "rate": 20}},
    "reconnect_storm": {"sockets": 100, "seconds": 15, "write": {"kind": "rows", "rate": 20}},
    "rolling_restart": {"sockets": 100, "seconds": 25, "write": {"kind": "rows", "rate": 20}, "restart": True,
                        "settings": {"GATEWAY_DRAIN_TIMEOUT": "3s"}},
    "slow_consumers": {"sockets": 99, "seconds": 15, "write": {"kind": "rows", "rate": 20, "payload": 50_000}, "slow": 1,
                       "settings": {"GATEWAY_SEND_QUEUE_BYTES": "262144"}},
    "token_wave": {"sockets": 60, "seconds": 18, "write": {"kind": "rows", "rate": 10}},
    "rate_abuse": {"sockets": 20, "seconds": 10, "settings": {"RATE_LIMITER_ENABLED": "true", "RATE_LIMITER_POINTS": "20", "RATE_LIMITER_DURATION": "1"}},
}


def k6(name, plan, deployment, run):
    """Starts k6 on a script."""
    environment = {
        **os.environ, "SCENARIO": name, "NODES": ",".join(f"127.0.0.1:{node.port}" for node in deployment.nodes), "TOKEN": ADMIN_TOKEN,
        "READER_TOKEN": READER_TOKEN, "READER_ID": READER, "READER_ROLE": ROLE, "SECRET": SECRET, "RUN": run, "SOCKETS": str(plan["sockets"]),
        "VUS": str(plan["vus"]), "OWNERS": str(plan["owners"]), "SECONDS": str(plan["seconds"]), "OUT": os.environ["RESULTS"],
        "K6_NO_USAGE_REPORT": "true",
    }
    command = [os.environ["K6"], "run", "--quiet", "--no-color", "--log-format", "raw", str(HERE / "scenarios" / f"{name}.js")]
    with open(Path(os.environ["RESULTS"]) / f"{name}.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def subscribed(deployment, count):
    """Whether so many subscriptions stand, on all nodes together."""
    return sum(node.metric("tidegate_gateway_subscriptions") for node in deployment.nodes) >= count


def one(name, plan):
    """Runs one script; its result."""
    run = f"{name}-{int(time.time())}"
    faults, servers = [], {}
    with Deployment(plan.get("settings", {})) as deployment:
        slow = [SlowConsumer(deployment.nodes[number % 2].port, ADMIN_TOKEN, {"collection": "load_items", "query": {"filter": {"run": {"_eq": run}}}})
                for number in range(plan.get("slow", 0))]
        before = deployment.usage()
        process = k6(name, plan, deployment, run)
        writer = None
        if plan.get("write"):
            until(f"the subscriptions of {name}", lambda: process.poll() is not None or subscribed(deployment, plan["sockets"]))
            writer = Writer(deployment.stack, run, {"owners": plan["owners"], "seconds": plan["seconds"] - 3, **plan["write"]})
            writer.start()
        if plan.get("restart"):
            servers["restart_seconds"] = restart(deployment, plan)
        peak = wait(process, deployment)
        output = (Path(os.environ["RESULTS"]) / f"{name}.log").read_text()
        after = deployment.usage()
        if writer:
            writer.join(timeout=30)
            if writer.is_alive() or writer.error:
                faults.append(f"the writer: {writer.error or 'did not end'}")
        for role, usage in after.items():
            servers[role] = {"cpu_seconds": round(usage["cpu"] - before[role]["cpu"], 2), "rss_mb_before": before[role]["rss_mb"], "rss_mb_peak": peak[role]}
        if slow:
            closed = sum(node.metric("tidegate_gateway_slow_consumers_total") for node in deployment.nodes)
            servers["slow_consumers_closed"] = closed
            if closed != len(slow):
                faults.append(f"{closed:.0f} of {len(slow)} slow consumers were closed")
            for consumer in slow:
                consumer.close()
        logs = "".join(node.process.output() for node in deployment.nodes) + "".join(worker.output() for worker in deployment.workers)
    if process.returncode != 0:
        faults.append(f"k6 ended with {process.returncode}")
    faults += complete(name, plan, writer)
    errors = [line for line in logs.splitlines() if " ERROR " in line]
    if errors:
        faults.append(f"the servers log errors: {errors[0]}")
    print(output.rstrip())
    print(f"  servers: {json.dumps(servers)}")
    for fault in faults:
        print(f"  FAULT: {fault}")
    sys.stdout.flush()
    return {"scenario": name, "passed": not faults, "faults": faults, "plan": plan, "servers": servers, "written": writer.rows if writer else 0}


def restart(deployment, plan):
    """Replaces one node after the other, as a rollout does; how long each took."""
    took = []
    for node in deployment.nodes:
        time.sleep(plan["seconds"] / 5)
        began = time.monotonic()
        node.process.stop()
        took.append(round(time.monotonic() - began, 1))
        node.start()
    return took


def wait(process, deployment):
    """Until k6 has ended; the most memory of each process meanwhile."""
    peak = {}
    deadline = time.monotonic() + 600
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
        for role, usage in deployment.usage().items():
            peak[role] = [max(pair) for pair in zip(usage["rss_mb"], peak.get(role, usage["rss_mb"]))]
        time.sleep(0.5)
    return peak


def complete(name, plan, writer):
    """What arrived is what was written, times those who were to hear it."""
    try:
        metrics = json.loads((Path(os.environ["RESULTS"]) / f"{name}.json").read_text())["metrics"]
    except (OSError, ValueError):
        return ["k6 left no summary"]
    if not writer:
        return []
    received = metrics["rows_received"]["values"]["count"]
    if plan["write"]["kind"] == "leave":
        # The last row is not counted as one that enters and leaves.
        expected = (writer.rows - 1) * plan["sockets"]
    elif name == "token_wave":
        # Those who renew in time; the others miss what was written meanwhile.
        expected = writer.rows * ((plan["sockets"] + 1) // 2)
    else:
        listeners = {owner: sum(1 for index in range(plan["sockets"]) if index % plan["owners"] == owner) for owner in writer.counts}
        expected = sum(count * listeners[owner] for owner, count in writer.counts.items())
    return [] if received == expected else [f"{received} rows were received, {expected} were to be"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS))
    parser.add_argument("--sockets", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--rate", type=float, help="units of work per second on the SQL side")
    parser.add_argument("--vus", type=int, default=2, help="k6's virtual users; each holds its share of the sockets")
    chosen = parser.parse_args()
    unknown = set(chosen.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    results = Path(os.environ["RESULTS"])
    results.mkdir(parents=True, exist_ok=True)
    done = []
    for name in chosen.scenarios or SCENARIOS:
        plan = {"owners": 1, **SCENARIOS[name], "vus": chosen.vus}
        if chosen.sockets:
            plan["sockets"] = chosen.sockets
            plan["owners"] = chosen.sockets if plan["owners"] > 1 else 1
        if chosen.seconds:
            plan["seconds"] = chosen.seconds
        if chosen.rate and plan.get("write"):
            plan["write"] = {**plan["write"], "rate": chosen.rate}
        (results / f"{name}.json").unlink(missing_ok=True)
        print(f"== {name}", flush=True)
        done.append(one(name, plan))
    (results / "summary.json").write_text(json.dumps(done, indent=1))
    failed = [result["scenario"] for result in done if not result["passed"]]
    print(f"\n{len(done) - len(failed)} passed, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}; summaries in {results}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
