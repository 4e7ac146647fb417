"""The servers that are compared: how each is started, and what must run beside it."""
import base64
import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

from .process import Failure, answers_200, free_port, running, wait_until

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "target/release/clerk-sync"
LOAD = ROOT / "target/release/clerk-sync-load"
# Made up for this benchmark.
SIGNING_SECRET = "whsec_" + base64.b64encode(b"clerk-sync benchmark key").decode()
SECRET_KEY = "sk_test_" + "benchmark" * 4
PATH = "/clerk/webhooks"


class Contender:
    """A server that is up: where it takes events, which process it is, which instance it believes in."""

    def __init__(self, port, pid, instance_id=None):
        self.url, self.pid, self.instance_id = f"http://127.0.0.1:{port}{PATH}", pid, instance_id


def environment(**settings):
    """Nothing of this shell's that could configure a contender."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **settings}


@contextlib.contextmanager
def ours(database_url, options, directory):
    keys = {"CLERK_SECRET_KEY": SECRET_KEY, "CLERK_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET}
    clerk, port = free_port(), free_port()
    emulator_log, log = directory / "emulator.log", directory / "ours.log"
    with running([OURS, "emulate", "--listen", f"127.0.0.1:{clerk}"], options.database_core, emulator_log,
                 env=environment(**keys), cwd=directory) as emulator:
        wait_until(answers_200(f"http://127.0.0.1:{clerk}/healthz"), emulator, emulator_log)
        instance_id = instance(f"http://127.0.0.1:{clerk}/v1/instance")
        # The emulator knows none of the users that are sent, so nothing is imported from it or compared with it.
        settings = {
            "DATABASE_URL": database_url,
            "CLERK_API_URL": f"http://127.0.0.1:{clerk}",
            "CLERK_SYNC_LISTEN": f"127.0.0.1:{port}",
            "CLERK_SYNC_ADMIN_LISTEN": "none",
            "CLERK_SYNC_IMPORT": "off",
            "CLERK_SYNC_CATCH_UP_EVERY": "off",
            "CLERK_SYNC_SCRUB_EVERY": "off",
        }
        with running([OURS, "serve"], options.server_core, log, env=environment(**keys, **settings),
                     cwd=directory) as server:
            wait_until(answers_200(f"http://127.0.0.1:{port}/readyz"), server, log)
            yield Contender(port, server.pid, instance_id)


def instance(url):
    """The instance the emulator plays, which our server binds its database to."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {SECRET_KEY}"})
    for _ in range(20):
        with contextlib.suppress(urllib.error.URLError):
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)["id"]
        time.sleep(0.2)
    raise Failure(f"{url} does not answer")


def node(name):
    @contextlib.contextmanager
    def start(database_url, options, directory):
        home, port, log = ROOT / "bench/node" / name, free_port(), directory / f"{name}.log"
        env = environment(PORT=str(port), DATABASE_URL=database_url, NODE_ENV="production",
                          CLERK_WEBHOOK_SIGNING_SECRET=SIGNING_SECRET)
        with running(["node", "server.js"], options.server_core, log, env=env, cwd=home) as server:
            wait_until(answers_200(f"http://127.0.0.1:{port}/readyz"), server, log)
            yield Contender(port, server.pid)
    return start


@contextlib.contextmanager
def sink(_database_url, options, directory):
    port, log = free_port(), directory / "sink.log"
    with running([LOAD, "sink", "--listen", f"127.0.0.1:{port}"], options.server_core, log) as server:
        wait_until(answers_200(f"http://127.0.0.1:{port}/readyz"), server, log)
        yield Contender(port, server.pid)


START = {"ours": ours, "express": node("express"), "fastify": node("fastify"), "sink": sink}


def missing(name):
    """What has to be built before this contender can run, if anything."""
    if name == "ours" and not OURS.exists():
        return "cargo build --release"
    if name in ("express", "fastify") and not (ROOT / "bench/node" / name / "node_modules").exists():
        return f"npm ci --prefix bench/node/{name}"
    return None
