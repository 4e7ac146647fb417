"""Starts and ends child processes; finds ports; waits until something answers."""
import contextlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class Failure(Exception):
    """Something the person at the keyboard should read."""


@contextlib.contextmanager
def running(command, core, log, env=None, user=None, stop=signal.SIGTERM, cwd=None):
    """A child pinned to one core, stopped at the end; what it prints goes to `log`."""
    with open(log, "ab") as output:
        child = subprocess.Popen(
            ["taskset", "-c", str(core), *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd,
            # Ctrl-C is for us alone: we end the children in order.
            start_new_session=True, **as_user(user),
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(stop)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def as_user(user):
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(ready, child, log, seconds=60):
    """Waits until `ready()`; says what the child printed if it ends or does not get there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if child.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.1)
    with open(log, encoding="utf-8", errors="replace") as output:
        said = output.read()[-2000:]
    raise Failure(f"{' '.join(map(str, child.args))} did not get ready (exit {child.poll()}):\n{said}")


def answers_200(url):
    def ready():
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
    return ready


def output_of(command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
