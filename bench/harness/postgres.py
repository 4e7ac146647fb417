"""A throw-away PostgreSQL cluster with durable commits."""
import contextlib
import glob
import os
import pwd
import signal
from pathlib import Path

from . import table
from .process import Failure, as_user, free_port, output_of, running, wait_until

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "300",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "autovacuum": "off",
}


class Postgres:
    name = "postgres"
    # Per database: a slow disk's commit, taken by every flush whoever else is waiting.
    parameters = {"commit_delay": "0"}

    def __init__(self, binaries, port, pid):
        self.binaries, self.port, self.pid, self.made = binaries, port, pid, 0

    def version(self):
        return output_of([self.binaries / "postgres", "--version"]).strip()

    def sql(self, statement, database="postgres"):
        return output_of([self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                          "-p", self.port, "-U", "postgres", "-d", database, "-c", statement])

    @contextlib.contextmanager
    def fresh(self, with_table):
        """A new database's URL; the database is dropped at the end."""
        self.made += 1
        database = f"bench_{self.made}"
        self.sql(f"CREATE DATABASE {database}")
        for name, value in self.parameters.items():
            self.sql(f"ALTER DATABASE {database} SET {name} = {value}")
        if with_table:
            self.sql(table.POSTGRES, database)
        self.sql("CHECKPOINT")
        try:
            yield f"postgres://postgres@127.0.0.1:{self.port}/{database}"
        finally:
            self.sql(f"DROP DATABASE {database} WITH (FORCE)")


class SlowPostgres(Postgres):
    name = "postgres-slow"
    parameters = {"commit_delay": "2000", "commit_siblings": "0"}


@contextlib.contextmanager
def cluster(directory, core):
    """Initialises and runs a cluster; yields a function that makes either view of it."""
    binaries = newest_binaries()
    user = server_user()
    data, log, port = directory / "postgres", directory / "postgres.log", free_port()
    data.mkdir()
    if user:
        account = pwd.getpwnam(user)
        os.chown(data, account.pw_uid, account.pw_gid)
    output_of([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"],
              cwd=data, **as_user(user))
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    # SIGINT: roll back, disconnect, shut down.
    with running([binaries / "postgres", "-D", data, "-p", port, *settings], core, log, user=user,
                 stop=signal.SIGINT, cwd=data) as child:
        def ready():
            with contextlib.suppress(Failure):
                output_of([binaries / "pg_isready", "-h", "127.0.0.1", "-p", port])
                return True
            return False
        wait_until(ready, child, log)
        yield lambda kind: kind(binaries, port, child.pid)


def newest_binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]))
    if not found:
        raise Failure("no PostgreSQL under /usr/lib/postgresql")
    return Path(found[-1])


def server_user():
    """PostgreSQL refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None
