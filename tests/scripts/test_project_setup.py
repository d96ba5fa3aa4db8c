"""scripts/setup of a project: which Splashdown it installs. docs/first-site.md runs it with a real pip."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.project_folder import make_project

# A pip that writes down its arguments. It installs nothing that has the word "broken". Playwright downloads nothing.
PYTHON = """#!/bin/sh
case "$2" in pip) ;; playwright) exit 0 ;; *) exec '{python}' "$@" ;; esac
shift 2
echo "$*" >>pip.log
case "$*" in *broken*) echo "cannot be installed" >&2; exit 1 ;; esac
"""


class Project:
    """A project whose Python has such a pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_project("shop", str(folder / "a shop"))
        binaries = self.folder / ".venv" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "python").write_text(PYTHON.format(python=sys.executable))
        (binaries / "python").chmod(0o755)
        (binaries / "activate").write_text(f"VIRTUAL_ENV='{self.folder}/.venv'\n")
        with (self.folder / "requirements.txt").open("a") as file:
            file.write("pandas>=2\n")

    def setup(self, *arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "scripts" / "setup", *arguments],
            cwd=cwd,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), "CHROMIUM": "sh"} | env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    @property
    def requirements(self) -> list[str]:
        lines = (self.folder / "requirements.txt").read_text().splitlines()
        return [line for line in lines if not line.startswith("#")]

    @property
    def calls(self) -> list[str]:
        return (self.folder / "pip.log").read_text().splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_source_is_a_path_from_the_folder_of_the_user(project: Project, tmp_path: Path) -> None:
    (tmp_path / "splash down").mkdir()
    done = project.setup("splash down", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = f"splashdown @ file://{tmp_path}/splash%20down"
    assert project.requirements == [line, "pytest", "pandas>=2"]
    installed = [call for call in project.calls if call.startswith("install") and line in call]
    assert len(installed) == 1 and "--force-reinstall" in installed[0]
    assert any(
        call.startswith("wheel") and "--wheel-dir wheels" in call and line in call for call in project.calls
    )


def test_each_step_prints_a_line_at_its_beginning(project: Project, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    done = project.setup("source", cwd=tmp_path)
    names = ("Splashdown", "Python packages", "a wheel for docker-compose")
    assert done.stdout.splitlines() == [f"setting up: {name} ..." for name in names]
    (tmp_path / "broken").mkdir()
    assert project.setup("broken", cwd=tmp_path).stdout == "setting up: Splashdown ...\n"


def test_a_new_venv_and_chromium_are_steps_with_a_line(project: Project, tmp_path: Path) -> None:
    (project.folder / ".venv" / "bin" / "activate").unlink()  # so this .venv cannot be used
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").write_text(f"""#!/bin/sh\n[ "$2" = venv ] || exec '{sys.executable}' "$@"\n""")
    for name in ("bash", "cat", "dirname", "grep", "head", "readlink", "rm", "sed", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    for name in ("python3", "id"):
        (programs / name).chmod(0o755)
    done = project.setup("git+https://git.example/splashdown", cwd=tmp_path, PATH=str(programs), CHROMIUM="")
    names = (".venv", "Splashdown", "Python packages", "Chromium (Playwright's download)")
    assert done.stdout.splitlines() == [f"setting up: {name} ..." for name in names], done.stderr


def test_a_git_url_needs_no_wheel_for_the_image(project: Project, tmp_path: Path) -> None:
    (project.folder / "wheels").mkdir()
    done = project.setup("git+https://git.example/splashdown@v2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert project.requirements[0] == "splashdown @ git+https://git.example/splashdown@v2"
    assert not (project.folder / "wheels").exists() and not any(c.startswith("wheel ") for c in project.calls)


@pytest.mark.parametrize(
    ("source", "message"),
    [("nowhere", "scripts/setup: there is no nowhere"), ("broken", "cannot be installed")],
)
def test_a_source_that_cannot_be_installed_changes_nothing(
    project: Project, tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "broken").mkdir()
    before = project.requirements
    done = project.setup(source, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr
    assert project.requirements == before


def test_a_venv_that_is_a_link_is_left_alone(project: Project, tmp_path: Path) -> None:
    (project.folder / ".venv").rename(tmp_path / "mine")
    (project.folder / ".venv").symlink_to(tmp_path / "mine")
    done = project.setup(cwd=tmp_path)
    assert done.returncode == 1 and "remove the link" in done.stderr
    assert (tmp_path / "mine" / "bin" / "python").exists()
