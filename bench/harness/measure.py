"""One measurement: a fresh database, a fresh server, one run of the load generator."""
import json
import subprocess

from .contenders import LOAD, SIGNING_SECRET, START
from .process import Failure

# The share of a core that others may use before a measurement is repeated.
DISTURBED = 0.10


def measure(name, database, connections, options, directory, quiet):
    """Repeated while others use the cores; the least disturbed try is kept."""
    tries = []
    for _ in range(max(1, options.tries)):
        sync_ms = quiet.wait()
        tries.append({**once(name, database, connections, options, directory), "fdatasync_ms": sync_ms})
        if tries[-1]["strangers"] <= DISTURBED:
            break
    best = min(tries, key=lambda result: result["strangers"])
    return {**best, "tries": len(tries)}


def once(name, database, connections, options, directory):
    comparator = name in ("express", "fastify")
    if database is None:
        return load(name, None, None, connections, options, directory)
    with database.fresh(with_table=comparator) as url:
        return load(name, database, url, connections, options, directory)


def load(name, database, database_url, connections, options, directory):
    with START[name](database_url, options, directory) as contender:
        seconds, rate = (max(2, options.seconds // 4), 150_000) if name == "sink" else (options.seconds, 30_000)
        events = options.events or seconds * rate
        command = [
            "taskset", "-c", str(options.database_core), str(LOAD), "--json", "--url", contender.url,
            "--secret", SIGNING_SECRET, "--connections", str(connections), "--events", str(events),
            "--seconds", str(seconds), "--warmup", str(options.warmup), "--mode", options.mode,
            "--server-pid", str(contender.pid),
        ]
        if contender.instance_id:
            command += ["--instance-id", contender.instance_id]
        if database is not None:
            command += ["--verify", database_url]
            if database.pid:
                command += ["--database-pid", str(database.pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise Failure(f"{name}: the load generator failed:\n{done.stderr}")
    report = json.loads(done.stdout)
    if done.returncode != 0:
        raise Failure(f"{name}, {connections} connections: an answer or a row is not what it must be:\n"
                      f"{json.dumps(report, indent=1)}\n{done.stderr}")
    return summary(report, options)


def summary(report, options):
    usage, elapsed = report["usage"], report["elapsed_s"]
    server, database = usage["server_cpu_s"] or 0, usage["database_cpu_s"] or 0
    # Seconds in which others used our cores.
    cores = [sum(core) for core in usage["cores"]]
    at_server = cores[options.server_core] - server
    at_database = cores[options.database_core] - database - usage["generator_cpu_s"]
    return {
        "events_per_s": report["events_per_s"],
        "p50_ms": report["latency"]["p50_ms"],
        "p99_ms": report["latency"]["p99_ms"],
        "max_ms": report["latency"]["max_ms"],
        "rss_mib": (usage["server_memory"]["resident_kib"] or 0) / 1024,
        "peak_mib": (usage["server_memory"]["peak_kib"] or 0) / 1024,
        "server_core": server / elapsed,
        "database_core": database / elapsed,
        "generator_core": usage["generator_cpu_s"] / elapsed,
        "server_us_per_event": server * 1e6 / max(report["accepted"], 1),
        "database_us_per_event": database * 1e6 / max(report["accepted"], 1),
        "strangers": max(at_server, at_database, 0) / elapsed,
        "verified_rows": report["verified"]["rows"] if report["verified"] else None,
        "ran_out": report["ran_out"],
        "accepted": report["accepted"],
        "elapsed_s": elapsed,
    }
