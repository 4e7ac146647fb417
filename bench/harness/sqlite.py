"""A new SQLite file for each measurement; the database's work is the server's own."""
import contextlib
import sqlite3

from .process import Failure


class Sqlite:
    name = "sqlite"
    pid = None

    def __init__(self, directory):
        self.directory, self.made = directory, 0

    def version(self):
        # The server brings its own; this is the machine's.
        return f"SQLite (Python's: {sqlite3.sqlite_version})"

    @contextlib.contextmanager
    def fresh(self, with_table):
        if with_table:
            raise Failure("the comparators speak PostgreSQL only")
        self.made += 1
        file = self.directory / f"bench_{self.made}.db"
        try:
            yield f"sqlite://{file}"
        finally:
            for suffix in ("", "-wal", "-shm", "-journal"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
