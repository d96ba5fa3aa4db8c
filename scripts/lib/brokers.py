"""Prepare a broker of its own: a folder with the configuration, the data and a program that starts it.

brokers.py NAME FOLDER [PROGRAM]    NAME: rabbitmq, mosquitto, kafka, tansu; the last two need PROGRAM

FOLDER/start runs the broker in the foreground, on loopback, each time on the same ports and with the same data, so that
a test can kill the broker and start it again. FOLDER/variables has the URLs of the broker, each with the name of the
variable from which the tests read it. FOLDER/ctl, which only RabbitMQ has, is rabbitmqctl for the node.
"""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Below the ports that systems give to connections: a client that tries to reach a broker which is down may be connected
# to itself at such a port, and the broker could not start there again.
PORTS = range(15000, 32000)

USER = "splashdown"


class NotInstalled(Exception):
    """The server's program is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class Broker:
    """The files of a broker and its URLs."""

    urls: Mapping[str, str]
    programs: Mapping[str, str]  # texts of shell programs by name
    files: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the files. Only their owner can read them, because some have the password."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        urls = "".join(f"{variable}={url}\n" for variable, url in self.urls.items())
        for name, text in {**self.files, "variables": urls}.items():
            write(folder / name, text, mode=0o600)
        for name, text in self.programs.items():
            write(folder / name, f"#!/usr/bin/env bash\nset -euo pipefail\n{text}", mode=0o700)


def write(file: Path, text: str, *, mode: int) -> None:
    file.touch(mode=mode)
    file.write_text(text)


def free_ports(count: int) -> list[int]:
    """Return ports on which no process listens now."""
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError(f"no free port from {PORTS.start} to {PORTS.stop - 1}")


def exports(variables: Mapping[str, object]) -> str:
    return "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in variables.items())


# --- RabbitMQ --------------------------------------------------------------------------------------------------------

PLUGINS = ("rabbitmq_management", "rabbitmq_stomp", "rabbitmq_stream")


def rabbitmq_scripts() -> Path:
    """Return the folder of RabbitMQ's own scripts. Debian's wrappers of them accept only root and its own user."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    if not found:
        raise NotInstalled("RabbitMQ is not on this machine: install Debian's package rabbitmq-server")
    return found[-1]


def rabbitmq(folder: Path, _: str = "") -> Broker:
    """Return a node with a port mapper (epmd) of its own, so that it shares nothing with other nodes of the machine."""
    amqp, stomp, stream, api, distribution, mapper = free_ports(6)
    password = secrets.token_hex(16)
    login = f"{USER}:{password}@127.0.0.1"
    scripts = rabbitmq_scripts()
    tool = {
        "HOME": folder,  # of the cookie, with which ctl and the node know each other
        "ERL_EPMD_PORT": mapper,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "splashdown@localhost",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # not that of the machine's node
    }
    node = {
        "ERL_FLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_DIST_PORT": distribution,
        "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf",
        "RABBITMQ_ADVANCED_CONFIG_FILE": folder / "advanced.config",
        "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "enabled_plugins",
        "RABBITMQ_MNESIA_BASE": folder / "mnesia",
        "RABBITMQ_QUORUM_DIR": folder / "quorum",
        "RABBITMQ_STREAM_DIR": folder / "stream",
        "RABBITMQ_LOG_BASE": folder / "log",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MAX_NUMBER_OF_PROCESSES": 65536,  # 20 MB less than with the default
        "RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD": "none",  # no CPU while it has nothing to do
        "RABBITMQ_ALLOW_INPUT": 1,  # the script becomes the server, so that the server has its pid
        "RABBITMQ_DEFAULT_USER": USER,
        "RABBITMQ_DEFAULT_PASS": password,
    }
    start = f"""\
{exports(tool | node)}setpriv --pdeathsig TERM epmd -port {mapper} -address 127.0.0.1 &
# Without a port mapper the node would start one that outlives it.
for _ in {{1..100}}; do (: </dev/tcp/127.0.0.1/{mapper}) 2>/dev/null && break; sleep 0.05; done
exec {scripts}/rabbitmq-server -noinput
"""
    configuration = f"""\
listeners.tcp.1 = 127.0.0.1:{amqp}
stomp.listeners.tcp.1 = 127.0.0.1:{stomp}
stream.listeners.tcp.1 = 127.0.0.1:{stream}
stream.advertised_host = 127.0.0.1
stream.advertised_port = {stream}
management.tcp.ip = 127.0.0.1
management.tcp.port = {api}
"""
    return Broker(
        urls={
            "TEST_RABBITMQ_URL": f"amqp://{login}:{amqp}/%2F",
            "TEST_STOMP_URL": f"stomp://{login}:{stomp}/%2F",
            "TEST_RABBITMQ_STREAM_URL": f"rabbitmq-stream://{login}:{stream}/%2F",
            "TEST_RABBITMQ_API_URL": f"http://{login}:{api}",
        },
        files={"rabbitmq.conf": configuration, "enabled_plugins": f"[{','.join(PLUGINS)}]."},
        programs={"start": start, "ctl": f'{exports(tool)}exec {scripts}/rabbitmqctl "$@"\n'},
    )


# --- Mosquitto -------------------------------------------------------------------------------------------------------


def hashed(password: str) -> str:
    """Return what mosquitto_passwd writes for a password."""
    salt, rounds = secrets.token_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def mosquitto(folder: Path, _: str = "") -> Broker:
    """Return a Mosquitto. It stores sessions and retained messages when it ends, and loses them when it is killed."""
    server = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if not server:
        raise NotInstalled("Mosquitto is not on this machine: install Debian's package mosquitto")
    (port,) = free_ports(1)
    password = secrets.token_hex(16)
    configuration = f"""\
listener {port} 127.0.0.1
allow_anonymous false
password_file {folder}/passwords
persistence true
persistence_location {folder}/
# By default it drops messages of a subscriber that has 1000 of them to read.
max_queued_messages 0
# When root starts it, it would change to a user that cannot read the folder. For other users the line has no effect.
user root
"""
    return Broker(
        urls={"TEST_MQTT_URL": f"mqtt://{USER}:{password}@127.0.0.1:{port}"},
        files={"mosquitto.conf": configuration, "passwords": f"{USER}:{hashed(password)}\n"},
        programs={"start": f"exec {server} -c {shlex.quote(f'{folder}/mosquitto.conf')}\n"},
    )


# --- Kafka's protocol ------------------------------------------------------------------------------------------------


def kafka(folder: Path, server: str) -> Broker:
    """Return a noida-db. It stores its data when it ends, and when it had no new data for half a second."""
    (port,) = free_ports(1)
    options = ["--only", "kafka", "--kafka-port", str(port), "--data-dir", f"{folder}/data"]
    return Broker(
        urls={"TEST_KAFKA_URL": f"kafka://127.0.0.1:{port}"},
        programs={"start": f"exec {shlex.join([server, 'start', '--host', '127.0.0.1', *options])}\n"},
    )


def tansu(_: Path, server: str, object_store: str = "") -> Broker:
    """Return a Tansu. Its data is in memory, or in the bucket ``tansu`` of an object store, to which the URL leads."""
    (port,) = free_ports(1)
    listener = f"tcp://127.0.0.1:{port}"
    command = [server, "broker", "--listener-url", listener, "--advertised-listener-url", listener]
    command += ["--storage-engine", "s3://tansu/" if object_store else "memory://tansu/"]
    access = {
        "AWS_ENDPOINT": object_store,
        "AWS_ALLOW_HTTP": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": "unused",
    }
    return Broker(
        urls={"TEST_TANSU_URL": f"kafka://127.0.0.1:{port}"},
        programs={"start": f"{exports(access) if object_store else ''}exec {shlex.join(command)}\n"},
    )


BROKERS: Mapping[str, Callable[..., Broker]] = {
    "rabbitmq": rabbitmq,
    "mosquitto": mosquitto,
    "kafka": kafka,
    "tansu": tansu,
}


if __name__ == "__main__":
    name, folder, *server = sys.argv[1:]
    try:
        BROKERS[name](Path(folder), *(server or [""])).write(Path(folder))
    except (NotInstalled, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error))
