"""A MariaDB server of a test's own, which may be killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

DEADLINE = 60  # seconds until the server answers


class PrivateMariaDb:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.user = ["--user=mysql"] if os.geteuid() == 0 else []
        self.process: subprocess.Popen[bytes] | None = None
        if self.user:
            os.chown(folder, pwd.getpwnam("mysql").pw_uid, -1)
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={folder}/data",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
                *self.user,
            ],
            check=True,
            capture_output=True,
        )

    @property
    def url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/crash"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                shutil.which("mariadbd") or "/usr/sbin/mariadbd",
                "--no-defaults",
                f"--datadir={self.folder}/data",
                f"--socket={self.folder}/s",
                f"--pid-file={self.folder}/pid",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--skip-log-bin",
                "--innodb-log-file-size=16M",
                *self.user,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + DEADLINE
        while True:
            try:
                connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root")
                break
            except pymysql.Error:
                assert time.monotonic() < until and self.process.poll() is None, "MariaDB did not start"
                time.sleep(0.1)  # between two looks
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS crash CHARACTER SET utf8mb4")
        connection.close()

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def private_mariadb() -> Iterator[PrivateMariaDb]:
    if not (
        shutil.which("mariadb-install-db")
        and (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists())
    ):
        message = "not tested: a MariaDB server that is killed (mariadbd is not installed)"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="splashdown-mariadb-"))
    folder.chmod(0o755)
    server = PrivateMariaDb(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
