"""A MariaDB server of a test's own, which may be killed: from Debian's package, or else in a container."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pymysql
import pytest

from tests.processes import free_port

DEADLINE = 90  # seconds until the server answers
IMAGE = "mariadb:11.4"
USER = "nobody"  # whom the server runs as, where we are root


class Server(Protocol):
    port: int
    password: str

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def is_alive(self) -> bool: ...
    def remove(self) -> None: ...


class PrivateMariaDb:
    """``kill`` ends it without a chance to save anything, ``start`` starts it again on the same data."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = f"mysql+pymysql://root:{server.password}@127.0.0.1:{server.port}/crash"

    def start(self) -> None:
        self.server.start()
        until = time.monotonic() + DEADLINE
        while True:
            try:
                connection = pymysql.connect(
                    host="127.0.0.1", port=self.server.port, user="root", password=self.server.password
                )
                break
            except pymysql.Error:
                assert time.monotonic() < until and self.server.is_alive(), "MariaDB did not start"
                time.sleep(0.1)  # between two looks
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS crash CHARACTER SET utf8mb4")

    def kill(self) -> None:
        self.server.kill()


class DebianServer:
    def __init__(self) -> None:
        self.port, self.password = free_port(), secrets.token_hex(8)
        self.folder = Path(tempfile.mkdtemp(prefix="splashdown-mariadb-"))
        self.user = [f"--user={USER}"] if os.geteuid() == 0 else []
        if self.user:
            os.chown(self.folder, pwd.getpwnam(USER).pw_uid, -1)
        self.process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self.folder}/data",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                *self.user,
            ],
            check=True,
            capture_output=True,
        )
        init = self.folder / "init.sql"
        init.write_text(
            f"CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        if self.user:
            os.chown(init, pwd.getpwnam(USER).pw_uid, -1)

    @staticmethod
    def is_installed() -> bool:
        return bool(shutil.which("mariadb-install-db") and _mariadbd())

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                _mariadbd() or "mariadbd",
                "--no-defaults",
                f"--datadir={self.folder}/data",
                f"--socket={self.folder}/s",
                f"--pid-file={self.folder}/pid",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--init-file={self.folder}/init.sql",
                "--skip-name-resolve",
                "--skip-log-bin",
                "--innodb-log-file-size=16M",
                *self.user,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def remove(self) -> None:
        if self.is_alive():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class DockerServer:
    def __init__(self) -> None:
        self.port, self.password = free_port(), secrets.token_hex(8)
        self.name = f"splashdown-crash-{self.port}"
        subprocess.run(
            [
                *("docker", "create", "--name", self.name, "-e", "MARIADB_ROOT_PASSWORD"),
                *("-p", f"127.0.0.1:{self.port}:3306", IMAGE),
            ],
            env=os.environ | {"MARIADB_ROOT_PASSWORD": self.password},
            check=True,
            capture_output=True,
        )

    @staticmethod
    def is_installed() -> bool:
        return (
            shutil.which("docker") is not None
            and subprocess.run(
                ["docker", "image", "inspect", IMAGE], capture_output=True, check=False
            ).returncode
            == 0
        )

    def _docker(self, *words: str) -> str:
        done = subprocess.run(["docker", *words, self.name], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def start(self) -> None:
        self._docker("start")

    def kill(self) -> None:
        self._docker("kill", "--signal=KILL")

    def is_alive(self) -> bool:
        return self._docker("inspect", "--format={{.State.Running}}") == "true"

    def remove(self) -> None:
        self._docker("rm", "--force", "--volumes")


@contextlib.contextmanager
def private_mariadb() -> Iterator[PrivateMariaDb]:
    server: Server
    if DebianServer.is_installed():
        server = DebianServer()
    elif DockerServer.is_installed():
        server = DockerServer()
    else:
        message = (
            f"not tested: a MariaDB server that is killed (there is neither mariadbd nor the image {IMAGE})"
        )
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    try:
        mariadb = PrivateMariaDb(server)
        mariadb.start()
        yield mariadb
    finally:
        server.remove()


def _mariadbd() -> str | None:
    return shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
