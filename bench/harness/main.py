"""The order of work."""
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from . import mariadb, postgres
from .contenders import LOAD, ROOT, missing
from .machine import Quiet, describe
from .measure import measure
from .options import parse
from .process import Failure
from .report import markdown, rows
from .sqlite import Sqlite


def main():
    options = parse()
    # A stop must run the clean-up too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(options)
    except Failure as failure:
        print(f"bench/run: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def run(options):
    contenders = available(options.only)
    with contextlib.ExitStack() as stack:
        directory = workplace(stack, options.directory)
        databases = start(stack, options, contenders, directory)
        machine = describe(directory, databases.values())
        quiet = Quiet([options.server_core, options.database_core], directory)
        measurements = {}
        for database, connections, names in groups(options, contenders):
            group = measurements.setdefault((database or "none", connections), {})
            for repetition in range(options.reps):
                for name in names:
                    result = measure(name, databases.get(database), connections, options, directory, quiet)
                    group.setdefault(name, []).append(result)
                    print(f"{database or 'none'} {connections} {name} {repetition + 1}/{options.reps}: "
                          f"{result['events_per_s']:,.0f} events/s, p50 {result['p50_ms']:.2f} ms, "
                          f"p99 {result['p99_ms']:.2f} ms, {result['rss_mib']:.0f} MiB, others {result['strangers']:.0%}, "
                          f"fdatasync {result['fdatasync_ms']:.2f} ms",
                          file=sys.stderr, flush=True)
        table = list(rows(measurements))
    print(markdown(table))
    out = Path(options.out) if options.out else ROOT / "target/bench.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    every = [{"database": database, "connections": connections, "contenders": group}
             for (database, connections), group in measurements.items()]
    out.write_text(json.dumps({"machine": machine, "options": vars(options), "medians": table, "repetitions": every},
                              indent=1) + "\n", encoding="utf-8")
    print(f"\n{machine['cpu']}, {machine['cores']} cores; {'; '.join(machine['databases'])}; Node {machine['node']}; "
          f"fdatasync {machine['fdatasync_ms']} ms; all figures in {out}")


def available(names):
    if not LOAD.exists():
        raise Failure("first: cargo build --release -p clerk-sync-load")
    lacking = {name: missing(name) for name in names if missing(name)}
    for name, command in lacking.items():
        print(f"bench/run: {name} is left out; first: {command}", file=sys.stderr)
    return [name for name in names if name not in lacking]


def groups(options, contenders):
    """Database, connections, and who is compared there."""
    few = [64] if 64 in options.connections else options.connections
    wanted = [(None, options.connections, ["sink"])]
    for database in options.databases:
        if database == "postgres":
            wanted.append((database, options.connections, ["ours", "express", "fastify"]))
        elif database == "postgres-slow":
            wanted.append((database, few, ["ours", "fastify"]))
        else:
            wanted.append((database, few, ["ours"]))
    for database, numbers, names in wanted:
        chosen = [name for name in names if name in contenders]
        for connections in numbers if chosen else []:
            yield database, connections, chosen


def workplace(stack, given):
    """A directory of its own that goes away at the end; servers under other accounts may pass through it."""
    directory = Path(tempfile.mkdtemp(prefix="clerk-sync-bench-", dir=given))
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    os.chmod(directory, 0o755)
    return directory


def start(stack, options, contenders, directory):
    """The databases that some chosen contender needs."""
    needed = {database for database, _, _ in groups(options, contenders) if database}
    started = {}
    if needed & {"postgres", "postgres-slow"}:
        view = stack.enter_context(postgres.cluster(directory, options.database_core))
        started["postgres"], started["postgres-slow"] = view(postgres.Postgres), view(postgres.SlowPostgres)
        # One numbering, so that no name is used twice.
        started["postgres-slow"].made = 100_000
    if "mariadb" in needed:
        started["mariadb"] = stack.enter_context(mariadb.server(directory, options.database_core))
    if "sqlite" in needed:
        started["sqlite"] = Sqlite(directory)
    return started
