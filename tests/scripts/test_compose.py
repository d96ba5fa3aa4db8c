"""docker-compose.yml does what docs/compose.md promises, and the installed docker-compose accepts it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from models.run import ClaimedRun
from outbox.address import addresses_of
from outbox.sinks import make_sink
from tests.crawls import ROOT
from workers.engine import engine_class
from workers.rabbitmq import RabbitEngine

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
RENDERERS = {"splash": "splash", "scale": "balancer", "chromium": "chromium"}  # by profile


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_compose_publishes_ports_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    variables = re.findall(r"(?<!\$)\$\{(\w*(?:PASSWORD|TOKEN|PASS)\w*)(:[-?])([^}]*)}", text)
    assert {name for name, _, _ in variables} == {"MARIADB_PASSWORD", "RENDERER_TOKEN", "RABBITMQ_PASSWORD"}
    assert all(kind == ":?" or not default for _, kind, default in variables)
    example = dotenv_values(ROOT / ".env.example")
    assert not any(value for name, value in example.items() if re.search("PASS|TOKEN", name))


@pytest.mark.parametrize("profile", RENDERERS)
def test_the_renderer_of_each_profile_has_the_name_that_the_crawler_uses(profile: str) -> None:
    named = [
        name
        for name, service in SERVICES.items()
        if profile in service.get("profiles", [])
        and isinstance(service["networks"], dict)
        and "renderer" in service["networks"]["web"].get("aliases", [])
    ]
    assert named == [RENDERERS[profile]]
    assert SERVICES["crawler"]["environment"]["SPLASH_URL"] == "http://renderer:8050"


def test_no_page_reaches_the_database_s_network() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert networks["database"] == {"data"} == networks["migrate"]
    assert networks["crawler"] == {"data", "web", "events"} == networks["worker"]
    rendering = {"splash", "splash-a", "splash-b", "balancer", "chromium", "demo"}
    assert all(networks[name] == {"web"} for name in rendering)
    assert networks["console"] == {"data", "web"}
    assert networks["relay"] == {"data", "events"}
    assert networks["rabbitmq"] == {"events"} == networks["kafka"]
    assert set(networks) == rendering | {
        *("database", "migrate", "crawler", "worker", "relay", "rabbitmq", "kafka", "console")
    }
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert compose["networks"]["data"] == {"internal": True}
    assert "--forbid-private-addresses" in (ROOT / "Dockerfile").read_text("utf-8")
    assert SERVICES["chromium"]["environment"]["RENDERER_ALLOW_HOSTS"] == "${RENDERER_ALLOW_HOSTS-demo}"


def test_setup_and_the_images_install_packages_by_their_hashes() -> None:
    """requirements.txt has all dependencies of pyproject.toml, with the versions of constraints.txt."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    constraints = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    )
    built_with = set(locked) - set(constraints)
    assert built_with <= {"hatchling", "editables", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}, (
        "requirements.txt is older than constraints.txt: run scripts/lock --hashes"
    )
    assert {name: locked[name] for name in locked if name in constraints} == {
        name: constraints[name] for name in locked if name in constraints
    }, "requirements.txt is older than constraints.txt: run scripts/lock --hashes"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["events"], *extras["console"]]  # scrapy relay, scrapy console
    names = {re.split(r"[\[<>=~!; ]", one, maxsplit=1)[0].lower().replace(".", "-") for one in needed}
    assert names <= set(locked), "requirements.txt is older than pyproject.toml: run scripts/lock --hashes"
    assert all("--hash=sha256:" in part for part in re.split(r"\n(?=[a-z])", text)[1:])
    assert "--require-hashes -r requirements.txt" in (ROOT / "Dockerfile").read_text("utf-8")
    assert "--require-hashes -r requirements.txt" in (ROOT / "scripts" / "setup").read_text("utf-8")


def test_the_image_compiles_every_package_of_ours() -> None:
    """A process in the container cannot write what it compiles, so each would compile a package that is left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["mypy"]["packages"]
    compiled = re.search(r"compileall -q (.+)", (ROOT / "Dockerfile").read_text("utf-8"))
    assert compiled is not None and set(compiled[1].split()) == set(packages)


def lock_images(folder: Path, docker: str) -> subprocess.CompletedProcess[str]:
    """Run ``scripts/lock --images`` in a copy, with a shell script as docker."""
    if not (folder / "scripts").exists():
        (folder / "scripts").mkdir()
        (folder / "bin").mkdir()
        for file in ("docker-compose.yml", "Dockerfile", "scripts/lock"):
            shutil.copy(ROOT / file, folder / file)
    program = folder / "bin" / "docker"
    program.write_text(f"#!/bin/sh\n{docker}\n")
    program.chmod(0o755)
    return subprocess.run(
        [folder / "scripts" / "lock", "--images"],
        env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_lock_writes_the_digests_of_the_registry_into_the_files(tmp_path: Path) -> None:
    for four in ("0123456789abcdef", "fedcba9876543210"):  # the second run replaces the digests of the first
        digest = f"sha256:{four * 4}"
        docker = f'case "$*" in image*) for last; do :; done; echo "${{last%%:*}}@{digest}";; esac'
        done = lock_images(tmp_path, docker)
        assert done.returncode == 0, done.stderr
        locked = yaml.safe_load((tmp_path / "docker-compose.yml").read_text("utf-8"))["services"]
        images = {service["image"] for service in locked.values() if "image" in service}
        assert images == {
            f"{name}@{digest}"
            for name in (
                "scrapinghub/splash:3.5",
                "mariadb:11.4",
                "haproxy:2.8",
                "rabbitmq:4.2",
                "apache/kafka:4.1.0",
            )
        }
        text = (tmp_path / "Dockerfile").read_text("utf-8")
        assert (
            f"FROM python:3.11-slim-bookworm@{digest} AS crawler" in text
            and "FROM crawler AS chromium" in text
        )


def test_lock_changes_no_file_without_a_registry(tmp_path: Path) -> None:
    refused = lock_images(tmp_path, "exit 1")
    assert refused.returncode == 1 and "nothing is changed" in refused.stderr
    assert (tmp_path / "docker-compose.yml").read_text() == (ROOT / "docker-compose.yml").read_text()


def test_a_service_of_every_profile_waits_for_no_service_of_one_profile() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    for name in always:
        assert set(SERVICES[name].get("depends_on", {})) <= always
    assert dotenv_values(ROOT / ".env.example")["COMPOSE_PROFILES"] in RENDERERS


def test_the_relay_of_the_profile_events_sends_to_the_brokers_of_the_profile() -> None:
    relay = SERVICES["relay"]
    url = relay["environment"]["BROKER_URL"].replace("${RABBITMQ_PASSWORD:-}", "secret")
    addresses = addresses_of(url)
    for address in addresses:
        make_sink(address)  # it refuses options that it does not know
    hosts = {address.hosts[0] for address in addresses}
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert hosts == {("rabbitmq", None), ("kafka", 19092)} and "RELAY://kafka:19092," in listeners
    assert addresses[0].user == SERVICES["rabbitmq"]["environment"]["RABBITMQ_DEFAULT_USER"]
    for name in ("relay", "rabbitmq", "kafka"):
        assert "events" in SERVICES[name]["profiles"]
    # The ports of the machine: Kafka tells a client there to connect to the same address again.
    assert SERVICES["rabbitmq"]["ports"] == ["127.0.0.1:${RABBITMQ_PORT:-5672}:5672"]
    assert SERVICES["kafka"]["ports"] == ["127.0.0.1:${KAFKA_PORT:-9092}:9092"]
    assert listeners.endswith("MACHINE://127.0.0.1:${KAFKA_PORT:-9092}")


def test_the_workers_share_the_runs_of_the_crawler() -> None:
    crawler, worker = SERVICES["crawler"], SERVICES["worker"]
    for key in ("environment", "env_file", "networks", "stop_grace_period"):
        assert worker[key] == crawler[key]
    assert worker["profiles"] == ["workers"] and "workers" in SERVICES["rabbitmq"]["profiles"]
    assert (
        "container_name" not in worker and "hostname" not in worker
    )  # several of them tell each other apart
    url = worker["environment"]["WORKERS_URL"].replace("${RABBITMQ_PASSWORD:-}", "secret")
    run = ClaimedRun(
        id=1,
        spider="books",
        owner="",
        commits=0,
        resumed=False,
        start_read=False,
        partitions=64,
        started_at=datetime.now(UTC),
    )
    engine = engine_class(url)(url, run)
    assert isinstance(engine, RabbitEngine)
    assert (engine.parameters.host, engine.parameters.virtual_host) == ("rabbitmq", "/")
    assert (
        engine.parameters.credentials.username == SERVICES["rabbitmq"]["environment"]["RABBITMQ_DEFAULT_USER"]
    )


def test_the_console_answers_to_the_address_that_it_prints() -> None:
    console = SERVICES["console"]
    command, port = console["command"].split(), "${CONSOLE_PORT:-8770}"
    assert command == ["scrapy", "console", "--address", "0.0.0.0", "--port", port, "--no-browser"]
    assert console["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/login" in console["healthcheck"]["test"][-1]
    assert console["mem_limit"] and "data:/app/data:ro" in console["volumes"]
    assert console["environment"] == SERVICES["crawler"]["environment"]


def test_no_variable_has_another_one_as_its_default() -> None:
    """Compose 1.29 reads a default only up to the first brace."""
    assert not re.search(r"\$\{[^}]*\$\{", (ROOT / "docker-compose.yml").read_text("utf-8"))


def test_rabbitmq_does_not_start_without_a_password(tmp_path: Path) -> None:
    shell, option, command = SERVICES["rabbitmq"]["entrypoint"]
    started = tmp_path / "docker-entrypoint.sh"
    started.write_text("#!/bin/sh\necho started $*\n")
    started.chmod(0o755)

    def start(password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shell, option, command.replace("$$", "$")],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "RABBITMQ_DEFAULT_PASS": password},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    refused = start("")
    assert refused.returncode and not refused.stdout and "set RABBITMQ_PASSWORD in .env" in refused.stderr
    assert start("x").stdout == "started rabbitmq-server\n"


def test_the_crawler_container_has_more_time_to_stop_than_its_crawls() -> None:
    from crawler import settings  # noqa: PLC0415 - it reads the environment
    from crawler.run.shutdown import LAST_SECONDS  # noqa: PLC0415

    grace = seconds(SERVICES["crawler"]["stop_grace_period"])
    assert grace > settings.SHUTDOWN_TIMEOUT + LAST_SECONDS + 5


def test_every_service_that_another_one_waits_for_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    for renderer in ("splash", "splash-a", "splash-b", "chromium"):
        assert "/execute?" in SERVICES[renderer]["healthcheck"]["test"][-1]
        assert SERVICES[renderer]["mem_limit"]


def list_services(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``docker-compose config --services`` in a copy, with .env.example as .env."""
    for file in ("docker-compose.yml", "Dockerfile"):
        shutil.copy(ROOT / file, folder)
    shutil.copy(ROOT / ".env.example", folder / ".env")
    return subprocess.run(
        ["docker-compose", "config", "--services"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Without docker-compose these tests do not exist. They are not skipped, because a skipped test is a failure in CI.
if shutil.which("docker-compose"):

    def test_docker_compose_starts_nothing_without_a_password(tmp_path: Path) -> None:
        refused = list_services(tmp_path)
        assert (
            refused.returncode != 0 and "set it in .env to letters and digits of your own" in refused.stderr
        )

    @pytest.mark.parametrize("profile", [f"{renderer},events" for renderer in RENDERERS])
    def test_docker_compose_accepts_each_profile(profile: str, tmp_path: Path) -> None:
        accepted = list_services(tmp_path, COMPOSE_PROFILES=profile, MARIADB_PASSWORD="x")
        assert accepted.returncode == 0, accepted.stderr
        assert {RENDERERS[profile.partition(",")[0]], "relay"} <= set(
            accepted.stdout.split()
        )  # or more: 1.29
