"""docker-compose.yml keeps what docs/compose.md promises, and the installed docker-compose takes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from tests.crawls import ROOT

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
RENDERERS = {"splash": "splash", "scale": "balancer", "chromium": "chromium"}  # by profile


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    given = re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN|PASS)\w*)(:[-?])([^}]*)}", text)
    assert {name for name, _, _ in given} == {"MARIADB_PASSWORD", "RENDERER_TOKEN"}
    assert all(kind == ":?" or not default for _, kind, default in given)
    example = dotenv_values(ROOT / ".env.example")
    assert not any(value for name, value in example.items() if re.search("PASS|TOKEN", name))


@pytest.mark.parametrize("profile", RENDERERS)
def test_the_renderer_of_each_profile_answers_to_the_name_that_the_crawler_asks(profile: str) -> None:
    named = [
        name
        for name, service in SERVICES.items()
        if profile in service.get("profiles", [])
        and "renderer" in service.get("networks", {}).get("default", {}).get("aliases", [])
    ]
    assert named == [RENDERERS[profile]]
    assert SERVICES["crawler"]["environment"]["SPLASH_URL"] == "http://renderer:8050"


def test_what_is_always_there_waits_for_nothing_that_is_in_a_profile() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    for name in always:
        assert set(SERVICES[name].get("depends_on", {})) <= always
    assert dotenv_values(ROOT / ".env.example")["COMPOSE_PROFILES"] in RENDERERS


def test_the_crawler_has_longer_to_stop_than_its_crawls() -> None:
    from crawler import settings  # noqa: PLC0415 - it reads the environment
    from crawler.shutdown import LAST_SECONDS  # noqa: PLC0415

    grace = seconds(SERVICES["crawler"]["stop_grace_period"])
    assert grace > settings.SHUTDOWN_TIMEOUT + LAST_SECONDS + 5


def test_what_a_service_waits_for_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    for renderer in ("splash", "splash-a", "splash-b", "chromium"):
        assert "/execute?" in SERVICES[renderer]["healthcheck"]["test"][-1]
        assert SERVICES[renderer]["mem_limit"]


def services(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """What docker-compose starts, with .env as .env.example has it."""
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


# Not skipped where there is none, which in CI would be a failure: the crawler itself does without.
if shutil.which("docker-compose"):

    def test_docker_compose_starts_nothing_without_a_password(tmp_path: Path) -> None:
        refused = services(tmp_path)
        assert (
            refused.returncode != 0 and "set it in .env to letters and digits of your own" in refused.stderr
        )

    @pytest.mark.parametrize("profile", RENDERERS)
    def test_docker_compose_takes_each_profile(profile: str, tmp_path: Path) -> None:
        taken = services(tmp_path, COMPOSE_PROFILES=profile, MARIADB_PASSWORD="x")
        assert taken.returncode == 0, taken.stderr
        assert RENDERERS[profile] in taken.stdout.split()
