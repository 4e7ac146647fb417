"""The machine: what it is, and whether others are using the cores that are measured."""
import os
import platform
import statistics
import time

from .process import Failure, output_of


def describe(directory, databases):
    revision = None
    try:
        revision = output_of(["git", "describe", "--always", "--dirty"]).strip()
    except (Failure, OSError):
        pass
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "node": version(["node", "--version"]),
        "databases": sorted({database.version() for database in databases}),
        "revision": revision,
        "fdatasync_ms": fdatasync_ms(directory),
    }


def version(command):
    try:
        return output_of(command).strip()
    except (Failure, OSError):
        return None


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return models[0] if models else platform.machine()


def fdatasync_ms(directory, times_asked=50):
    """The median time to append 8 kB to a file and have it on the disk."""
    path, times = directory / "fdatasync", []
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for _ in range(times_asked):
            os.write(file, bytes(8192))
            start = time.perf_counter()
            os.fdatasync(file)
            times.append(time.perf_counter() - start)
    finally:
        os.close(file)
        os.unlink(path)
    return round(statistics.median(times) * 1000, 3)


def busy():
    """Per core: the seconds it has been in use since the machine started."""
    with open("/proc/stat", encoding="utf-8") as stat:
        lines = [line.split() for line in stat if line.startswith("cpu") and not line.startswith("cpu ")]
    # user nice system (idle iowait) irq softirq steal
    return [sum(int(line[column]) for column in (1, 2, 3, 6, 7, 8)) / 100 for line in lines]


class Quiet:
    """Knows how fast this disk can be, so that it can tell when others are using it."""

    def __init__(self, cores, directory):
        self.cores, self.directory = cores, directory
        self.best_ms = fdatasync_ms(directory)

    def wait(self, seconds=90):
        """Waits until others use neither the cores nor the disk, or long enough; gives the time of a disk write."""
        end = time.monotonic() + seconds
        while True:
            before = busy()
            time.sleep(1)
            used = [after - earlier for after, earlier in zip(busy(), before)]
            sync_ms = fdatasync_ms(self.directory)
            self.best_ms = min(self.best_ms, sync_ms)
            quiet = all(used[core] < 0.1 for core in self.cores) and sync_ms < 2 * self.best_ms
            if quiet or time.monotonic() > end:
                return sync_ms
            time.sleep(2)
