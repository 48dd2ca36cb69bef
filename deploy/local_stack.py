"""A deployment on this machine: a private PostgreSQL, Redis, and the programs as processes; for tests and load tests.

It must never listen beyond loopback, touch a server that it did not start, or leave a process behind.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

STARTING = 60.0


def free_port():
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition, limit=STARTING):
    """Waits for a condition; what it returns, if that is true."""
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit:.0f} s")
        time.sleep(0.05)


def status(url):
    """HTTP status of a GET, or None where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return None


class Process:
    """A process with its output in a file."""

    def __init__(self, name, command, environment, log, user=None):
        self.name, self.log = name, log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=subprocess.STDOUT, start_new_session=True, user=user, cwd="/")

    @property
    def pid(self):
        return self.child.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def ended(self, limit=STARTING):
        """Its exit code, once it has ended by itself."""
        return self.child.wait(timeout=limit)

    def stop(self, how=signal.SIGTERM, limit=40):
        """Asks it to end, and ends it if it does not; its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(timeout=limit)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


class Stack:
    """PostgreSQL and Redis, and what is started on them. A context manager: its end ends everything."""

    def __init__(self, redis=True):
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-stack-"))
        self.processes = []
        self.database, self.password = "directus", secrets.token_hex(16)
        self.wants_redis = redis
        self.redis_port = None

    def __enter__(self):
        try:
            self._start_postgres()
            if self.wants_redis:
                self._start_redis()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop(signal.SIGINT if process.name == "postgres" else signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_postgres(self):
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)) or [Path("/usr/bin")]
        self.bin = next(folder for folder in reversed(folders) if (folder / "initdb").exists())
        # Root may not run PostgreSQL; Debian's package brings this user.
        user = "postgres" if os.geteuid() == 0 else None
        home = self.folder / "postgres"
        home.mkdir()
        secret = home / "password"
        secret.write_text(self.password)
        if user:
            os.chmod(self.folder, 0o755)
            account = pwd.getpwnam(user)
            for path in (home, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        data = home / "data"
        subprocess.run([self.bin / "initdb", "-D", data, "-U", "directus", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
                        "--locale", "C", "--no-sync"], check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)
        self.port = free_port()
        settings = ["listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=", "max_connections=200",
                    "shared_buffers=128MB", "log_min_messages=error"]
        command = [self.bin / "postgres", "-D", data, *[word for setting in settings for word in ("-c", setting)]]
        log = self.folder / "postgres.log"
        log.touch()
        os.chmod(log, 0o666)
        self.processes.append(Process("postgres", command, {"PATH": os.environ["PATH"]}, log, user=user))
        until("PostgreSQL", lambda: subprocess.run(self._psql("postgres", "select 1"), env=self._psql_environment(),
                                                   capture_output=True, check=False).returncode == 0)
        self.sql(f"create database {self.database}", database="postgres")

    def _start_redis(self):
        self.redis_port = free_port()
        self.start("redis", ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], {})
        until("Redis", lambda: self._accepts(self.redis_port))

    @staticmethod
    def _accepts(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _psql(self, database, text=None):
        command = [self.bin / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "directus", "-d", database, "-XqAt", "-v", "ON_ERROR_STOP=1"]
        return command if text is None else [*command, "-c", text]

    def _psql_environment(self):
        return {"PATH": os.environ["PATH"], "PGPASSWORD": self.password}

    def sql(self, text, database=None):
        """Runs SQL; its output."""
        done = subprocess.run(self._psql(database or self.database, text), env=self._psql_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def session(self):
        """A psql that takes statements from its standard input, each a transaction of its own."""
        return subprocess.Popen(self._psql(self.database), env=self._psql_environment(), stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def environment(self):
        """What both programs need to know."""
        found = {
            "PATH": os.environ["PATH"], "CONFIG_PATH": "/dev/null", "HOST": "127.0.0.1", "DB_CLIENT": "pg", "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.port), "DB_DATABASE": self.database, "DB_USER": "directus", "DB_PASSWORD": self.password,
        }
        if self.redis_port:
            found["REDIS"] = f"redis://127.0.0.1:{self.redis_port}"
        return found

    def start(self, name, command, environment):
        """Starts a process; `environment` is all that it sees."""
        process = Process(name, command, {"PATH": os.environ["PATH"], **environment}, self.folder / f"{name}.log")
        self.processes.append(process)
        return process

    def run(self, name, command, environment, limit=STARTING):
        """Runs a process to its end: exit code and output."""
        process = self.start(name, command, environment)
        code = process.ended(limit)
        return code, process.output()
