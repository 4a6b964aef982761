"""The command that adds an extra works where the user is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import elmokit
from elmokit.errors import MissingExtraError, installation
from elmokit.errors.installation import install_command

ROOT = Path(__file__).parents[1]


@pytest.fixture
def package(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the package, in a checkout or among the installed packages."""
    monkeypatch.setattr(installation, "_PACKAGE", tmp_path / request.param / "elmokit")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


@pytest.mark.parametrize("package", ["lib/site-packages"], indirect=True)
def test_an_installed_package(package, monkeypatch):
    monkeypatch.chdir(package)
    assert install_command("plot") == "pip install 'elmokit[plot]'"
    monkeypatch.setattr("sys.platform", "win32")
    assert install_command("plot") == 'pip install "elmokit[plot]"'


@pytest.mark.parametrize("package", ["src"], indirect=True)
def test_a_checkout(package, monkeypatch):
    monkeypatch.chdir(package)
    assert install_command("plot") == "pip install -e '.[plot]'"
    (package / "elsewhere").mkdir()
    monkeypatch.chdir(package / "elsewhere")
    assert install_command("plot") == f"pip install -e '{package}[plot]'"


def test_this_checkout_is_recognized(tmp_path, monkeypatch):
    if Path(elmokit.__file__).parents[1] != ROOT / "src":
        pytest.skip("elmokit is installed apart from these tests")
    monkeypatch.chdir(ROOT)
    assert str(MissingExtraError("plotting", "plot")) == (
        "plotting needs an optional package: pip install -e '.[plot]'"
    )


@pytest.mark.parametrize("package", ["lib/site-packages"], indirect=True)
@pytest.mark.parametrize(("installer", "command"), [("uv\n", "uv pip"), ("pip\n", "pip"), (None, "pip")])
def test_an_environment_without_pip(package, installer, command, monkeypatch):
    class Distribution:
        def read_text(self, name: str) -> str | None:
            assert name == "INSTALLER"
            return installer

    def distribution(name: str) -> Distribution:
        if name == "pip":
            raise PackageNotFoundError(name)
        return Distribution()

    monkeypatch.setattr(installation, "distribution", distribution)
    assert install_command("plot") == f"{command} install 'elmokit[plot]'"
