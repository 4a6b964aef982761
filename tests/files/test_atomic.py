from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import threading
from pathlib import Path

import pytest

from elmokit.errors import OutputError
from elmokit.files.atomic import (
    kind_by_beginning,
    new_directory,
    new_file,
    refuse_inputs,
    write_text,
)
from elmokit.files.durable import flush
from elmokit.files.leftovers import clear_leftovers


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
def test_an_error_leaves_the_old_file(tmp_path, error, existing):
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


def test_a_directory_instead_of_a_file(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(OutputError, match="is a directory, expected a file name"):
        write_text(tmp_path / "file", "")
    assert names(tmp_path / "file") == []


def test_a_file_instead_of_a_directory(tmp_path):
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
def test_an_error_leaves_the_old_directory(tmp_path, error):
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


def test_what_another_process_wrote_first_stays_if_wanted(tmp_path):
    path = tmp_path / "directory"
    with new_directory(path, first_wins=True) as later:
        (later / "name").write_text("later")
        with new_directory(path, first_wins=True) as first:
            (first / "name").write_text("first")
    assert (path / "name").read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [new_file, new_directory])
def test_ctrl_c_at_the_moment_of_making_leaves_nothing(tmp_path, monkeypatch, write):
    made = []

    def interrupted(operation):
        def run(*arguments, **options):
            result = operation(*arguments, **options)
            if made:
                return result
            made.append(arguments)
            raise KeyboardInterrupt

        return run

    for name in ("open", "mkdir"):
        monkeypatch.setattr(os, name, interrupted(getattr(os, name)))
    with pytest.raises(KeyboardInterrupt), write(tmp_path / "name"):
        pass
    monkeypatch.undo()
    assert made
    assert names(tmp_path) == []


# --- killed processes ----------------------------------------------------------------------------


class KilledError(Exception):
    """Stands for the end of the process: nothing after it works."""


def killed_before(patch, num_operations: int, write) -> bool:
    """Write until so many changes of the file system have been made; tell whether there were more."""
    left = num_operations

    def counted(operation):
        def run(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return operation(*arguments, **options)

        return run

    for name in ("rename", "replace"):
        patch.setattr(Path, name, counted(getattr(Path, name)))
    for name in ("mkdir", "rmdir", "unlink"):
        patch.setattr(os, name, counted(getattr(os, name)))
    try:
        write(str(num_operations))
    except KilledError:
        return True
    return False


def test_a_directory_that_is_replaced_is_never_lost(tmp_path, monkeypatch):
    path = tmp_path / "directory"

    def write(content: str) -> None:
        with new_directory(path) as temporary:
            for name in ("one", "two"):
                (temporary / name).write_text(content)

    write("0")
    num_operations, contents = 0, ["0"]
    while True:
        with monkeypatch.context() as patch:
            was_killed = killed_before(patch, num_operations, write)
        clear_leftovers(tmp_path)
        assert names(tmp_path) == ["directory"]
        assert names(path) == ["one", "two"]
        content = (path / "one").read_text()
        assert (path / "two").read_text() == content
        assert content in (contents[-1], str(num_operations))
        contents.append(content)
        if not was_killed:
            break
        num_operations += 1
    assert num_operations >= 5  # making, two renames, removal of two files and their directory
    assert contents[-1] == str(num_operations)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    (tmp_path / "dangling").symlink_to("later")
    write_text(tmp_path / "dangling", "new")
    assert (tmp_path / "later").read_text() == "new"
    assert names(tmp_path) == ["dangling", "later", "link", "target"]


def test_permissions_are_kept(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(path.read_text()))
    reader.start()
    write_text(path, "content" * 50_000)
    reader.join()
    assert found == ["content" * 50_000]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_written_to(tmp_path):
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_text("")  # some sandboxes let it be made but not be opened
    except OSError:
        pytest.skip("no devices here")
    write_text(path, "content")
    assert stat.S_ISCHR(path.stat().st_mode)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        with pytest.raises(OutputError, match="is a socket"):
            write_text(Path("socket"), "")


def test_a_file_of_another_kind_is_not_replaced(tmp_path):
    kind = kind_by_beginning("a vocabulary", rb"<S>")
    path = tmp_path / "file"
    path.write_text("my notes")
    with pytest.raises(OutputError, match="file: already exists and is not a vocabulary"):
        write_text(path, "<S>", kind)
    assert path.read_text() == "my notes"
    path.write_text("")
    write_text(path, "<S>", kind)  # an empty file is nobody's work
    write_text(path, "<S> 2", kind)
    assert path.read_text() == "<S> 2"


def test_an_input_is_refused_as_output(tmp_path):
    (tmp_path / "text").write_text("text")
    (tmp_path / "link").symlink_to("text")
    (tmp_path / "hard").hardlink_to(tmp_path / "text")
    for name in ("text", "link", "hard", "./text"):
        with pytest.raises(OutputError, match="this is an input"):
            refuse_inputs(tmp_path / name, ["missing", tmp_path / "text"])
    refuse_inputs(tmp_path / "new", [tmp_path / "text"])


# --- what the disk remembers after a power failure ------------------------------------------------


@pytest.fixture
def synced(monkeypatch) -> list[Path]:
    """What has been synchronized with the disk, in order, by its present name."""
    paths = []
    monkeypatch.setattr(os, "fsync", lambda handle: paths.append(Path(f"/proc/self/fd/{handle}").readlink()))
    return paths


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")


@needs_proc
def test_a_file_is_synced_with_the_directories_made_for_it(tmp_path, synced):
    write_text(tmp_path / "new" / "deep" / "file", "content")
    (file,) = [path for path in synced if path.name.startswith(".file.")]
    assert set(synced) == {file, tmp_path, tmp_path / "new", tmp_path / "new" / "deep"}
    assert synced[-2:] == [file, tmp_path / "new" / "deep"]  # the name after the content


@needs_proc
def test_a_directory_is_synced_with_all_in_it_before_the_old_one_goes(tmp_path, synced, monkeypatch):
    path = tmp_path / "directory"
    removed_after = []
    remove = shutil.rmtree
    monkeypatch.setattr(
        shutil, "rmtree", lambda *a, **k: (removed_after.append(len(synced)), remove(*a, **k))
    )
    for _ in range(2):
        synced.clear()
        with new_directory(path) as temporary:
            (temporary / "below").mkdir()
            (temporary / "below" / "file").write_text("content")
        assert [path.name for path in synced][:2] == ["below", "file"]
        assert synced[2].suffix == ".partial"
        assert synced[3:] == [tmp_path]
    assert removed_after == [4, 4]


def test_a_directory_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(os, "fsync", fail)
    flush(tmp_path)
    with pytest.raises(OSError, match="Invalid argument"):
        flush(tmp_path / "file")
