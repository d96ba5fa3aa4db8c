"""A PostgreSQL server of a campaign's own, which may be killed with all its processes."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from tests.processes import free_port

DEADLINE = 90  # seconds until the server answers
USER = "nobody"  # whom the server runs as, where we are root


class PrivatePostgreSql:
    """``kill`` ends it without a chance to save anything, ``start`` starts it again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, password = folder, free_port(), secrets.token_hex(8)
        self.url = f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{self.port}/postgres"
        owner = USER if os.geteuid() == 0 else getpass.getuser()
        self.prefix: list[str] = []
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
            self.prefix = ["setpriv", f"--reuid={owner}", "--regid=nogroup", "--clear-groups"]
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)  # initdb reads it as another user
        subprocess.run(
            [
                *(*self.prefix, program("initdb"), "-D", f"{folder}/data", "-U", USER),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        until = time.monotonic() + DEADLINE
        while True:
            self.process = subprocess.Popen(
                [
                    *(*self.prefix, program("postgres"), "-D", f"{self.folder}/data", "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.folder,
            )
            while self.process.poll() is None:
                with contextlib.suppress(psycopg.OperationalError):
                    psycopg.connect(self.url.replace("+psycopg", "")).close()
                    return
                assert time.monotonic() < until, "PostgreSQL did not start"
                time.sleep(0.1)  # between two looks
            assert time.monotonic() < until, "PostgreSQL did not start"

    def kill(self) -> None:
        """Kill the server: each of its processes has a group of its own."""
        server = psutil.Process(self.process.pid)
        for process in [server, *server.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


@contextlib.contextmanager
def private_postgresql() -> Iterator[PrivatePostgreSql]:
    """Yield a server that runs, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="splashdown-postgresql-"))
    server = None
    try:
        server = PrivatePostgreSql(folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def program(name: str) -> str:
    """Return the path of a program of the server, which Debian keeps out of PATH."""
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")])) or name
