"""Signed-in requests: the same route behind nothing, behind our layers, and behind what others use."""
import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from .contenders import OURS, ROOT, environment
from .process import Failure, answers_200, free_port, running, wait_until

SERVER = ROOT / "target/release/clerk-sync-bench-requests"
CLERK_RS = ROOT / "bench/clerk-rs/target/release/clerk-sync-bench-clerk-rs"
SECRET_KEY = "sk_test_" + "benchmark" * 4
CONTENDERS = ["bare", "layer", "ensure", "clerk-rs", "express"]
NAMES = {
    "bare": "axum, nothing in front",
    "layer": "axum, `ClerkLayer`",
    "ensure": "axum, `ClerkLayer` and `EnsureUserLayer`",
    "clerk-rs": "axum, `clerk-rs` 0.5.0",
    "express": "Express, `clerkMiddleware`",
}


def main():
    parser = argparse.ArgumentParser(prog="bench/run-requests", description=__doc__)
    parser.add_argument("--only", default=",".join(CONTENDERS), help=f"of {','.join(CONTENDERS)}")
    parser.add_argument("--carrier", choices=["header", "cookie"], default="header", help="where the token is")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--reps", type=int, default=5, help="interleaved: A B C A B C (5)")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--generator-core", type=int, default=1)
    options = parser.parse_args()
    try:
        run(options)
    except Failure as failure:
        print(f"bench/run-requests: {failure}", file=sys.stderr)
        return 1
    return 0


def run(options):
    names = [name for name in CONTENDERS if name in options.only.split(",")]
    for name, file, command in [
        ("ours", OURS, "cargo build --release --workspace"),
        ("layer", SERVER, "cargo build --release --workspace"),
        ("clerk-rs", CLERK_RS, "cargo build --release --manifest-path bench/clerk-rs/Cargo.toml"),
        ("express", ROOT / "bench/node/express/node_modules", "npm ci --prefix bench/node/express"),
    ]:
        if not file.exists() and (name in names or name in ("ours", "layer")):
            raise Failure(f"first: {command}")
    if not shutil.which("wrk"):
        raise Failure("wrk is missing (Debian: apt-get install wrk)")
    directory = Path(tempfile.mkdtemp(prefix="clerk-sync-bench-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        clerk = stack.enter_context(emulator(options, directory))
        results = {name: [] for name in names}
        for repetition in range(options.reps):
            for name in names:
                with server(name, clerk, options, directory) as (url, pid):
                    results[name].append(measure(url, pid, name, clerk, options))
                print(f"{name} {repetition + 1}/{options.reps}: {results[name][-1]['rate']:,.0f}/s", file=sys.stderr)
    report(results)


@contextlib.contextmanager
def emulator(options, directory):
    """A Clerk whose tokens last for the whole measurement."""
    port, log = free_port(), directory / "emulator.log"
    url = f"http://127.0.0.1:{port}"
    command = [OURS, "emulate", "--json", "--listen", f"127.0.0.1:{port}"]
    with running(command, options.generator_core, log, env=environment(CLERK_SECRET_KEY=SECRET_KEY), cwd=directory) as child:
        wait_until(lambda: answers_200(f"{url}/healthz")() and log.stat().st_size, child, log)
        keys = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
        user = call(f"{url}/v1/users", {"email_address": ["bench@example.com"], "skip_password_requirement": True})
        token = call(f"{url}/__emulator/session_tokens", {"user_id": user["id"], "expires_in_seconds": 86_400})
        yield {"url": url, "token": token["jwt"], "publishable_key": keys["publishable_key"]}


def call(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {
        "authorization": f"Bearer {SECRET_KEY}", "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@contextlib.contextmanager
def server(name, clerk, options, directory):
    port, log = free_port(), directory / f"{name}.log"
    keys = {"CLERK_API_URL": clerk["url"], "CLERK_SECRET_KEY": SECRET_KEY,
            "CLERK_PUBLISHABLE_KEY": clerk["publishable_key"]}
    if name == "express":
        command, cwd = ["node", "requests.js"], ROOT / "bench/node/express"
        keys |= {"PORT": str(port), "NODE_ENV": "production"}
    elif name == "clerk-rs":
        command, cwd = [CLERK_RS], directory
        keys["LISTEN"] = f"127.0.0.1:{port}"
    else:
        command, cwd = [SERVER, "--kind", name, "--listen", f"127.0.0.1:{port}"], directory
    url = f"http://127.0.0.1:{port}/"
    with running(command, options.server_core, log, env=environment(**keys), cwd=cwd) as child:
        wait_until(lambda: answer(url, headers(clerk, options)) == b"hello", child, log)
        if name != "bare" and answer(url, []) == b"hello":
            raise Failure(f"{name} lets strangers in")
        yield url, child.pid


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def headers(clerk, options):
    """What a browser or a client sends."""
    token = clerk["token"]
    if options.carrier == "header":
        return [("authorization", f"Bearer {token}")]
    return [("cookie", f"theme=dark; __client_uat=1; __clerk_db_jwt=dvb_1; __session={token}")]


def answer(url, with_headers):
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(with_headers)), timeout=5) as got:
            return got.read()
    return None


def measure(url, pid, name, clerk, options):
    command = ["taskset", "-c", str(options.generator_core), "wrk", "-t1", f"-c{options.connections}",
               f"-d{options.seconds}s", "--latency"]
    for key, value in headers(clerk, options):
        command += ["-H", f"{key}: {value}"]
    # Until everything is compiled, cached and grown.
    warm(command, url)
    before = cpu_seconds(pid)
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(pid) - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise Failure(f"{name} did not answer every request:\n{said}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    requests = int(re.search(r"(\d+) requests in", said)[1])
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    return {"rate": rate, "cpu_us": used * 1e6 / requests, "p99_ms": float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]]}


def warm(command, url):
    short = [part if not part.startswith("-d") else "-d1s" for part in command]
    subprocess.run([*short, url], capture_output=True, check=True)


def report(results):
    middle = {name: statistics.median(each["rate"] for each in runs) for name, runs in results.items()}
    print("| in front of the route | requests/s | server's CPU µs | p99 ms | of bare axum |")
    print("|---|---|---|---|---|")
    for name, runs in results.items():
        rate = middle[name]
        share = f"{rate / middle['bare']:.1%}" if "bare" in middle else ""
        cpu = statistics.median(each["cpu_us"] for each in runs)
        p99 = statistics.median(each["p99_ms"] for each in runs)
        print(f"| {NAMES[name]} | {rate:,.0f} | {cpu:.2f} | {p99:.2f} | {share} |")
    for other in ("clerk-rs", "express"):
        for ours in ("layer", "ensure"):
            if other in middle and ours in middle:
                print(f"\n{NAMES[ours]}: {middle[ours] / middle[other]:.1f} times {NAMES[other]}")
