"""A MariaDB and a PostgreSQL server of a benchmark's own: its CPU is the benchmark's alone. Both flush each COMMIT."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.processes import free_port

USER = "nobody"  # whom the servers run as, where we are root
PATIENCE = 60.0  # seconds until a server answers


@dataclass(frozen=True, kw_only=True)
class PrivateDatabase:
    """A server: its name, the URL of a database in it, its process and its folder."""

    name: str
    url: str
    process: int
    folder: Path

    def cpu(self) -> float:
        """Return the CPU seconds of the server's processes, those that have ended included."""
        main = psutil.Process(self.process)
        times = [main.cpu_times()]
        for child in main.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                times.append(child.cpu_times())
        ended = times[0].children_user + times[0].children_system
        return ended + sum(one.user + one.system for one in times)


def programs(name: str) -> str | None:
    """Return the path of a program of the servers, which Debian keeps out of PATH."""
    folders = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True), "/usr/sbin"]
    return shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))


@contextlib.contextmanager
def private_mariadb(*options: str) -> Iterator[PrivateDatabase]:
    """Start a MariaDB server with more options."""
    with _folder("mariadb") as folder:
        user = [f"--user={USER}"] if os.geteuid() == 0 else []
        data = f"--datadir={folder}/data"
        subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", data, "--skip-test-db"),
                *("--auth-root-authentication-method=normal", *user),
            ],
            check=True,
            capture_output=True,
        )
        init = folder / "init.sql"
        init.write_text(
            "CREATE OR REPLACE USER bench@'127.0.0.1';\n"
            "GRANT ALL ON *.* TO bench@'127.0.0.1';\n"
            "CREATE DATABASE IF NOT EXISTS bench CHARACTER SET utf8mb4;\n"
        )
        init.chmod(0o644)
        port = free_port()
        command = [
            *(programs("mariadbd") or "mariadbd", "--no-defaults", data, f"--socket={folder}/s"),
            *(f"--pid-file={folder}/pid", f"--port={port}", "--bind-address=127.0.0.1"),
            *(f"--init-file={init}", "--skip-name-resolve", "--innodb-log-file-size=512M", *user, *options),
        ]
        url = f"mysql+pymysql://bench@127.0.0.1:{port}/bench"
        with _server(command, url, subprocess.Popen.terminate) as process:
            yield PrivateDatabase(name="MariaDB", url=url, process=process, folder=folder)


@contextlib.contextmanager
def private_postgresql(*options: str) -> Iterator[PrivateDatabase]:
    """Start a PostgreSQL server with more options."""
    with _folder("postgresql") as folder:
        is_root = os.geteuid() == 0
        owner = USER if is_root else getpass.getuser()
        as_owner = ["setpriv", f"--reuid={owner}", "--regid=nogroup", "--clear-groups"] if is_root else []
        subprocess.run(
            [
                *(*as_owner, programs("initdb") or "initdb", "-D", f"{folder}/data", "-U", "bench"),
                *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        port = free_port()
        command = [
            *(*as_owner, programs("postgres") or "postgres", "-D", f"{folder}/data", "-p", str(port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", *options),
        ]
        url = f"postgresql+psycopg://bench@127.0.0.1:{port}/postgres"
        with _server(command, url, lambda process: process.send_signal(2), cwd=folder) as process:
            yield PrivateDatabase(name="PostgreSQL", url=url, process=process, folder=folder)


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"splashdown-{name}-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _server(
    command: list[str], url: str, end: Callable[[subprocess.Popen[bytes]], None], cwd: Path | None = None
) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd)
    try:
        engine = create_engine(url)
        _wait(engine, process)
        engine.dispose()
        yield process.pid
    finally:
        end(process)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            return
        except OperationalError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.1)  # between two looks


SERVERS = {"mariadb": private_mariadb, "postgresql": private_postgresql}
