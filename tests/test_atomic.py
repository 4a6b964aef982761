from __future__ import annotations

import os

import pytest

from elmokit.atomic import new_directory, new_file, write_text
from elmokit.errors import OutputError


def names(directory) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "deep" / "file"
    with new_file(path) as temporary:
        temporary.write_text("content")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "content"
    assert names(path.parent) == ["file"]


def test_a_file_is_replaced(tmp_path):
    write_text(tmp_path / "file", "old")
    write_text(tmp_path / "file", "nèw")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "nèw"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("existing", [False, True])
def test_a_fault_leaves_the_old_file(tmp_path, error, existing):
    path = tmp_path / "file"
    if existing:
        path.write_text("old")

    def write_half() -> None:
        with new_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert names(tmp_path) == (["file"] if existing else [])
    assert not existing or path.read_text() == "old"


def test_new_files_have_the_usual_permissions(tmp_path):
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "")
        with new_directory(tmp_path / "directory"):
            pass
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "directory").stat().st_mode & 0o777 == 0o750


def test_a_full_disk_is_told(tmp_path):
    def write() -> None:
        with new_file(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError) as error:
        write()
    assert str(error.value) == f"{tmp_path / 'file'}: cannot write: No space left on device"
    assert names(tmp_path) == []


def test_a_directory_in_the_place_of_a_file(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(OutputError, match="is a directory, expected a file name"):
        write_text(tmp_path / "file", "")
    assert names(tmp_path / "file") == []


def test_a_file_in_the_place_of_a_directory(tmp_path):
    write_text(tmp_path / "file", "kept")
    for write in (lambda path: write_text(path, ""), lambda path: new_directory(path).__enter__()):
        with pytest.raises(OutputError, match=r"file.x: cannot write"):
            write(tmp_path / "file" / "x")
    assert (tmp_path / "file").read_text() == "kept"


def test_a_directory_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "directory"
    with new_directory(path) as temporary:
        (temporary / "one").write_text("1")
        (temporary / "below").mkdir()
        (temporary / "below" / "two").write_text("2")
        assert not path.exists()
    assert names(path) == ["below", "one"]
    assert (path / "below" / "two").read_text() == "2"
    assert names(path.parent) == ["directory"]


def test_a_directory_is_replaced_whole(tmp_path):
    path = tmp_path / "directory"
    for name in ("one", "two"):
        with new_directory(path) as temporary:
            (temporary / name).write_text(name)
    assert names(path) == ["two"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_fault_leaves_the_old_directory(tmp_path, error):
    path = tmp_path / "directory"
    with new_directory(path) as temporary:
        (temporary / "old").write_text("old")

    def write_half() -> None:
        with new_directory(path) as temporary:
            (temporary / "half").write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert names(tmp_path) == ["directory"]
    assert names(path) == ["old"]
