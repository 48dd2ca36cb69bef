"""Writes by SQL, through one psql, at a steady rate: what clients hear about comes from outside the gateway.

It must never count a row that was not committed: psql stops at the first error, and the count is then a failure.
"""

import threading
import time


class Writer(threading.Thread):
    """Streams of rows `n` = 1, 2, 3, …, one per owner, each ended by a row of kind `end`."""

    def __init__(self, stack, run, plan):
        super().__init__(daemon=True)
        self.stack, self.run_name, self.plan = stack, run, plan
        self.counts = {}
        self.rows = 0
        self.error = None

    def _next(self, owner):
        self.counts[owner] = self.counts.get(owner, 0) + 1
        self.rows += 1
        return self.counts[owner]

    def _unit(self, number):
        """One unit of work: statements that commit one by one."""
        plan, run = self.plan, self.run_name
        if plan["kind"] == "leave":
            n = self._next(0)
            # Into the view and out of it again; then a change and a deletion outside.
            return [f"insert into load_items (run, n) values ('{run}', {n})",
                    f"update load_items set state = 'closed' where run = '{run}' and n = {n}",
                    f"update load_items set payload = 'unseen' where run = '{run}' and n = {n}",
                    f"delete from load_items where run = '{run}' and n = {n}"]
        if plan["kind"] == "mix" and number % 5 != 0:
            # Hidden rows come, change and go; their `n` is no number of the stream.
            return [f"insert into load_items (run, n, visible) values ('{run}', -{number}, false)",
                    f"update load_items set payload = 'unseen' where run = '{run}' and n = -{number}",
                    f"delete from load_items where run = '{run}' and n = -{number}"]
        owner = number % plan["owners"]
        payload = f"repeat('x', {plan['payload']})" if plan.get("payload") else "null"
        return [f"insert into load_items (run, owner, n, payload) values ('{run}', {owner}, {self._next(owner)}, {payload})"]

    def run(self):
        try:
            with self.stack.session() as psql:
                began = time.monotonic()
                for number in range(int(self.plan["rate"] * self.plan["seconds"])):
                    time.sleep(max(0.0, began + number / self.plan["rate"] - time.monotonic()))
                    psql.stdin.write("".join(f"{statement};\n" for statement in self._unit(number)))
                    psql.stdin.flush()
                ends = [f"('{self.run_name}', {owner}, {self._next(owner)}, 'end')" for owner in range(self.plan["owners"])]
                psql.stdin.write(f"insert into load_items (run, owner, n, kind) values {', '.join(ends)};\n")
                psql.stdin.close()
                self.error = psql.stderr.read() or None
        except OSError as error:
            self.error = str(error)
