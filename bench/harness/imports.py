"""Imports: every user of a local Clerk into an empty PostgreSQL, by clerk-sync and by what people write by hand."""
import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from . import postgres
from .contenders import OURS, ROOT, SIGNING_SECRET, environment
from .machine import Quiet, busy, describe
from .process import Failure, answers_200, free_port, running, wait_until

SECRET_KEY = "sk_live_" + "benchmark" * 4
NODE = ROOT / "bench/node/import"
PAGE = 500
LIMIT = 1_000
UNLIMITED = 100_000
FIRST_CREATED_AT, CREATED_AT_STEP = 1_700_000_000_000, 250
CASES = ["limit", "free", "latency", "rest"]
LATENCY_MS = 250
# Nothing is pinned: client, database and Clerk share these.
CORES = f"0-{os.cpu_count() - 1}"
TICKS = os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(prog="bench/run-import", description=__doc__)
    parser.add_argument("--only", default=",".join(CASES), help=f"of {','.join(CASES)}")
    parser.add_argument("--users", type=int, default=1_000_000, help="in Clerk, for limit and latency (1000000)")
    parser.add_argument("--free-users", type=int, default=200_000, help="the same, where no limit binds (200000)")
    parser.add_argument("--parallel", default="1,4,8,16", help="values of --parallel to measure (1,4,8,16)")
    parser.add_argument("--latency-parallel", default="16,32", help="the same, where Clerk is slow (16,32)")
    parser.add_argument("--node-parallel", default="1,16", help="pages at once of the Node script (1,16)")
    parser.add_argument("--plain", action="store_true", help="the local Clerk does not compress its lists")
    parser.add_argument("--reps", type=int, default=3, help="interleaved: A B C A B C (3)")
    parser.add_argument("--rest-seconds", type=int, default=120, help="of watching an idle serve (120)")
    parser.add_argument("--quiet-seconds", type=int, default=90, help="wait at most so long until nobody else works (90)")
    parser.add_argument("--out", default=None, help="write the JSON here (target/bench-import.json)")
    options = parser.parse_args()
    # A stop must run the clean-up too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(options)
    except Failure as failure:
        print(f"bench/run-import: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(options):
    if not OURS.exists():
        raise Failure("first: cargo build --release -p clerk-sync-server")
    chosen = [case for case in CASES if case in options.only.split(",")]
    directory = Path(tempfile.mkdtemp(prefix="clerk-sync-bench-"))
    os.chmod(directory, 0o755)
    results = {}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        database = stack.enter_context(postgres.cluster(directory, CORES))(postgres.Postgres)
        quiet = Quiet(range(os.cpu_count()), directory)
        machine = describe(directory, [database])
        for repetition in range(options.reps):
            for case, contender, parallel in plan(options, chosen):
                quiet.wait(options.quiet_seconds)
                result = once(case, contender, parallel, options, database, directory)
                results.setdefault((case, contender, parallel), []).append(result)
                print(f"{case} {contender} {parallel}, {repetition + 1}/{options.reps}: {said(result)}", file=sys.stderr, flush=True)
        rest = at_rest(options, database, directory) if "rest" in chosen else None
    table = [row(*key, each) for key, each in results.items()]
    report(table, rest)
    out = Path(options.out) if options.out else ROOT / "target/bench-import.json"
    every = [{"case": case, "contender": contender, "parallel": parallel, "runs": each}
             for (case, contender, parallel), each in results.items()]
    out.write_text(json.dumps({"machine": machine, "options": vars(options), "medians": table, "rest": rest,
                               "repetitions": every}, indent=1) + "\n", encoding="utf-8")
    print(f"\n{machine['cpu']}, {machine['cores']} cores; {'; '.join(machine['databases'])}; Node {machine['node']}; "
          f"fdatasync {machine['fdatasync_ms']} ms; all figures in {out}")


def plan(options, chosen):
    """Case, who imports, and how many pages at once."""
    values, node_values = numbers(options.parallel), numbers(options.node_parallel)
    for case in chosen:
        if case == "latency":
            yield from ((case, "ours", parallel) for parallel in numbers(options.latency_parallel))
        elif case != "rest":
            yield from ((case, "ours", parallel) for parallel in values)
        if case == "free":
            if (NODE / "node_modules").exists():
                yield from ((case, "node", parallel) for parallel in node_values)
            else:
                print("bench/run-import: node is left out; first: npm ci --prefix bench/node/import", file=sys.stderr)


def numbers(text):
    return [int(number) for number in text.split(",") if number]


def once(case, contender, parallel, options, database, directory):
    """One import, of a Clerk and into a database that are new; what it wrote is checked."""
    users = options.free_users if case == "free" else options.users
    limit = UNLIMITED if case == "free" else LIMIT
    with clerk(users, limit, options, directory) as (url, clerk_pid), database.fresh(with_table=contender == "node") as database_url:
        if case == "latency":
            control(url, "POST", "faults", {"kind": "api_latency", "ms": LATENCY_MS, "exact_path": "/v1/users", "method": "GET"})
        settings = {"CLERK_SECRET_KEY": SECRET_KEY, "CLERK_API_URL": url, "DATABASE_URL": database_url}
        if contender == "node":
            command, cwd = ["node", "import.js"], NODE
            settings |= {"IMPORT_PARALLEL": str(parallel), "NODE_ENV": "production"}
        else:
            command, cwd = [OURS, "backfill", "--parallel", parallel, "--json"], directory
            settings |= {"CLERK_SYNC_REQUESTS_PER_10S": str(limit), "CLERK_SYNC_LOG": "warn"}
        pids = {"clerk": clerk_pid, "database": database.pid}
        before, machine_before = {name: family_cpu(pid) for name, pid in pids.items()}, sum(busy())
        result = watch(command, environment(**settings), cwd)
        machine_used = sum(busy()) - machine_before
        # So long the database takes to wait for its ended sessions, whose time would be nowhere.
        time.sleep(0.5)
        result |= {f"{name}_cpu": family_cpu(pid) - before[name] for name, pid in pids.items()}
        result["others_cpu"] = max(0.0, machine_used - result["client_cpu"] - result["clerk_cpu"] - result["database_cpu"])
        stats = control(url, "GET", "stats")
        result |= {"peak_per_10s": stats["peak_per_10s"], "too_many": stats["too_many_requests"], "requests": stats["requests"],
                   "users": users}
        verify(database, database_url, url, users)
    return result


@contextlib.contextmanager
def clerk(users, limit, options, directory):
    """A Clerk of its own for each import, so that no request before counts."""
    port, log = free_port(), directory / "emulator.log"
    url = f"http://127.0.0.1:{port}"
    command = [OURS, "emulate", "--listen", f"127.0.0.1:{port}", "--requests-per-10s", limit]
    with running(command, CORES, log, env=environment(CLERK_SECRET_KEY=SECRET_KEY), cwd=directory) as child:
        wait_until(answers_200(f"{url}/healthz"), child, log)
        control(url, "POST", "users/bulk", {"count": users, "created_at_from": FIRST_CREATED_AT,
                                            "created_at_step_ms": CREATED_AT_STEP, "prefix": "bench"})
        control(url, "PUT", "lists", {"compress": not options.plain})
        yield url, child.pid


def control(url, method, path, body=None):
    return call(f"{url}/__emulator/{path}", method, body)


def call(url, method="GET", body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {
        "authorization": f"Bearer {SECRET_KEY}", "content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def watch(command, env, cwd):
    """Runs a command to its end: how long it took as a whole, its own figures, its CPU time, its peak of memory."""
    before = os.times()
    began = time.perf_counter()
    child = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=env, cwd=cwd)
    peak = 0
    while child.poll() is None:
        peak = max(peak, status_kib(child.pid, "VmHWM"))
        time.sleep(0.02)
    elapsed = time.perf_counter() - began
    output, errors = child.communicate()
    after = os.times()
    if child.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {child.returncode}\n{output}{errors}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    own = json.loads(output.strip().splitlines()[-1])
    return {"elapsed_s": elapsed, "own_s": own["seconds"], "seen": own["seen"], "client_cpu": cpu, "peak_mb": peak * 1024 / 1e6}


def status_kib(pid, name):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0


def family_cpu(pid):
    """User and system time so far, of a process, its children, and those that it has waited for."""
    total, children = 0, Path("/proc").glob("[0-9]*/stat")
    for path in children:
        with contextlib.suppress(OSError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(path.parent.name) == pid:
                total += sum(int(field) for field in fields[11:15])
            elif int(fields[1]) == pid:
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


def verify(database, database_url, url, users):
    """Every user once, by the numbers in their addresses; and three pages column by column."""
    name = database_url.rpartition("/")[2]
    control(url, "PUT", "rate_limit", {"requests_per_10s": UNLIMITED})
    number = "substring(email from '^bench([0-9]+)@example.com$')::bigint"
    found = database.sql(f"SELECT count(*), count(DISTINCT {number}), min({number}), max({number}) FROM users", name).strip()
    wanted = f"{users}|{users}|0|{users - 1}"
    if found != wanted:
        raise Failure(f"rows, different users, first, last in the table are {found}, not {wanted}")
    for offset in (0, users // 3, max(0, users - PAGE)):
        at_clerk = {user["id"]: columns(user) for user in call(f"{url}/v1/users?limit={PAGE}&offset={offset}&order_by=%2Bcreated_at")}
        ids = ",".join(f"'{user}'" for user in at_clerk)
        rows = json.loads(database.sql(
            "SELECT json_object_agg(clerk_id, json_build_array(email, username, first_name, last_name, image_url, "
            "(extract(epoch from created_at) * 1000)::bigint, (extract(epoch from updated_at) * 1000)::bigint)) "
            f"FROM users WHERE clerk_id IN ({ids})", name))
        for user, wanted in at_clerk.items():
            if rows.get(user) != wanted:
                raise Failure(f"{user} is {rows.get(user)} in the table, {wanted} at Clerk")


def columns(user):
    addresses = {address["id"]: address["email_address"] for address in user["email_addresses"]}
    return [addresses.get(user["primary_email_address_id"]), user["username"], user["first_name"], user["last_name"],
            user["image_url"], user["created_at"], user["updated_at"]]


def at_rest(options, database, directory):
    """The calls of an idle serve: after its import of a few users, nothing happens."""
    with clerk(1_000, LIMIT, options, directory) as (url, _), database.fresh(with_table=False) as database_url:
        port, log = free_port(), directory / "serve.log"
        settings = {"CLERK_SECRET_KEY": SECRET_KEY, "CLERK_API_URL": url, "DATABASE_URL": database_url,
                    "CLERK_WEBHOOK_SIGNING_SECRET": SIGNING_SECRET, "CLERK_SYNC_LISTEN": f"127.0.0.1:{port}",
                    "CLERK_SYNC_ADMIN_LISTEN": "none"}
        with running([OURS, "serve"], CORES, log, env=environment(**settings), cwd=directory) as server:
            wait_until(answers_200(f"http://127.0.0.1:{port}/readyz"), server, log)
            name = database_url.rpartition("/")[2]
            wait_until(lambda: database.sql("SELECT count(*) FROM users", name).strip() == "1000", server, log)
            # What a start does once is no rest.
            time.sleep(30)
            before, cpu = control(url, "GET", "stats"), family_cpu(server.pid)
            time.sleep(options.rest_seconds)
            after, cpu = control(url, "GET", "stats"), family_cpu(server.pid) - cpu
            calls = after["requests"] - before["requests"]
            classes = {name: of["let_in"] - before["classes"].get(name, {"let_in": 0})["let_in"] for name, of in after["classes"].items()}
            per_10s = calls / options.rest_seconds * 10
            return {"calls": calls, "classes": classes, "per_10s": per_10s, "share": per_10s / LIMIT,
                    "seconds": options.rest_seconds, "rss_mb": status_kib(server.pid, "VmRSS") * 1024 / 1e6, "cpu_s": cpu}


def row(case, contender, parallel, runs):
    middle = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
    floor = floor_s(case, middle["users"], parallel)
    return {"case": case, "contender": contender, "parallel": parallel, "repetitions": len(runs), **middle,
            "users_per_s": middle["users"] / middle["elapsed_s"], "of_floor": floor and middle["elapsed_s"] / floor,
            # Not the middle: none may be above.
            "peak_per_10s": max(each["peak_per_10s"] for each in runs), "peak_mb": max(each["peak_mb"] for each in runs),
            "too_many": max(each["too_many"] for each in runs)}


def floor_s(case, users, parallel):
    """No import can be faster than the limit lets its pages in, nor than so many at once wait for them."""
    pages = users / PAGE
    waited = pages * LATENCY_MS / 1_000 / parallel if case == "latency" else 0
    return None if case == "free" else max(pages / LIMIT * 10, waited)


def said(result):
    return (f"{result['users']} users in {result['elapsed_s']:.2f} s ({result['users'] / result['elapsed_s']:,.0f}/s), "
            f"{result['peak_mb']:.0f} MB, CPU s: client {result['client_cpu']:.1f}, database {result['database_cpu']:.1f}, "
            f"Clerk {result['clerk_cpu']:.1f}, others {result['others_cpu']:.1f}; {result['requests']} requests, "
            f"peak {result['peak_per_10s']} in 10 s, {result['too_many']} times 429")


def report(table, rest):
    print("| case | who | at once | users | s | of the floor | users/s | memory MB | CPU s: client | database | Clerk | peak in 10 s | 429 |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for each in table:
        floor = f"{each['of_floor']:.2f}" if each["of_floor"] else ""
        print(f"| {each['case']} | {each['contender']} | {each['parallel']} | {each['users']:,} | {each['elapsed_s']:.2f} | {floor} | "
              f"{each['users_per_s']:,.0f} | {each['peak_mb']:.0f} | {each['client_cpu']:.1f} | {each['database_cpu']:.1f} | "
              f"{each['clerk_cpu']:.1f} | {each['peak_per_10s']} | {each['too_many']} |")
    free = [each for each in table if each["case"] == "free"]
    for theirs in (each for each in free if each["contender"] == "node"):
        for ours in (each for each in free if each["contender"] == "ours"):
            print(f"\nclerk-sync, {ours['parallel']} at once: {ours['users_per_s'] / theirs['users_per_s']:.1f} times Node, "
                  f"{theirs['parallel']} at once")
    if rest:
        print(f"\nat rest: {rest['calls']} calls in {rest['seconds']} s, {rest['per_10s']:.1f} per 10 s, {rest['share']:.2%} of the limit; "
              f"{rest['rss_mb']:.0f} MB, {rest['cpu_s']:.2f} s of CPU; {rest['classes']}")
