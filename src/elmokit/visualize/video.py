"""Write frames as a video, by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from elmokit.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    from PIL.Image import Image


def ffmpeg() -> str:
    """Return the path of ffmpeg: one that is installed, or that of the package imageio-ffmpeg.

    Raises:
        MissingExtraError: if there is none.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        raise MissingExtraError("writing .mp4 files without an installed ffmpeg", "video") from None
    return str(get_ffmpeg_exe())


def write_video(frames: Sequence[Image], repeats: Sequence[int], path: Path, rate: int) -> None:
    """Write an MP4 video (H.264) that browsers, slides and phones play; equal frames give equal bytes.

    Args:
        frames: pictures of the same size, whose sides are even numbers of pixels.
        repeats: how often each frame is shown.
        path: the file to write.
        rate: frames per second.

    Raises:
        MissingExtraError: if there is no ffmpeg.
        OutputError: if ffmpeg fails.
    """
    width, height = frames[0].size
    command = [ffmpeg(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(rate), "-i", "-", "-an", "-c:v", "libx264"]
    command += ["-pix_fmt", "yuv420p", "-crf", "20", "-threads", "1", "-movflags", "+faststart"]
    command += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-f", "mp4", str(path)]
    pixels = b"".join(
        frame.convert("RGB").tobytes() * repeat for frame, repeat in zip(frames, repeats, strict=True)
    )
    result = subprocess.run(command, input=pixels, capture_output=True, check=False)
    if result.returncode:
        said = result.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"exit status {result.returncode}"
        raise OutputError(f"{path}: ffmpeg cannot write the video: {reason}")
