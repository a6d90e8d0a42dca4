"""What `pip install` brings: every tracked file of the package, the tables, groups and catalogues among them."""

import subprocess
import zipfile

import pytest


@pytest.mark.slow
def test_the_wheel_holds_every_tracked_file_of_the_package(pytestconfig, tmp_path):
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="building a wheel needs hatchling")
    root = pytestconfig.rootpath
    try:
        listed = subprocess.run(["git", "ls-files", "sfumato"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git does not say which files are tracked")
    tracked = {name for name in listed.stdout.splitlines() if (root / name).is_file()}
    built = next(iter(wheels.WheelBuilder(str(root)).build(directory=str(tmp_path))))
    held = set(zipfile.ZipFile(built).namelist())
    for name in ("tables/lcm-table-1.toml", "tables/groups/trec-50.toml", "datasets/catalog.toml", "tickets.toml"):
        assert f"sfumato/{name}" in tracked
    assert tracked <= held
