"""A throw-away MariaDB with durable commits."""
import contextlib
import os
import pwd
import shutil
import signal

from .process import Failure, as_user, free_port, output_of, running, wait_until


class MariaDb:
    name = "mariadb"

    def __init__(self, socket, port, pid):
        self.socket, self.port, self.pid, self.made = socket, port, pid, 0

    def version(self):
        return output_of([find("mariadbd"), "--version"]).strip()

    def sql(self, statement):
        return output_of(["mariadb", "--no-defaults", "-S", self.socket, "-uroot", "-e", statement])

    @contextlib.contextmanager
    def fresh(self, with_table):
        if with_table:
            raise Failure("the comparators speak PostgreSQL only")
        self.made += 1
        database = f"bench_{self.made}"
        self.sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        try:
            yield f"mysql://bench:bench@127.0.0.1:{self.port}/{database}"
        finally:
            self.sql(f"DROP DATABASE {database}")


@contextlib.contextmanager
def server(directory, core):
    user = "mysql" if os.geteuid() == 0 else None
    home = directory / "mariadb"
    home.mkdir()
    if user:
        account = pwd.getpwnam(user)
        os.chown(home, account.pw_uid, account.pw_gid)
    data, socket, log, port = home / "data", home / "socket", directory / "mariadb.log", free_port()
    output_of(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
               "--auth-root-authentication-method=normal"], cwd=home, **as_user(user))
    settings = ["--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=256M",
                "--innodb-log-file-size=1G", "--max-connections=300", "--skip-log-bin", f"--tmpdir={home}"]
    command = [find("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={socket}",
               f"--pid-file={home / 'pid'}", f"--port={port}", *settings]
    with running(command, core, log, user=user, stop=signal.SIGTERM, cwd=home) as child:
        database = MariaDb(socket, port, child.pid)

        def ready():
            with contextlib.suppress(Failure):
                database.sql("SELECT 1")
                return True
            return False
        wait_until(ready, child, log)
        database.sql("CREATE USER bench@'127.0.0.1' IDENTIFIED BY 'bench'; GRANT ALL ON *.* TO bench@'127.0.0.1'")
        yield database


def find(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/libexec:/usr/local/sbin")
    if not found:
        raise Failure(f"{name} is not installed")
    return found
