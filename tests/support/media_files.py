"""Files of every kind that carries a workflow, written by the libraries that ComfyUI writes with.

Run in the host's Python (Pillow, PyAV), it renews the samples of tests/data/containers:

    python tests/support/media_files.py
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import numpy
import safetensors.numpy
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "containers"
TEXTS = {
    "prompt": json.dumps({"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "chat noir"}}}),
    "workflow": json.dumps({"nodes": [{"id": 1, "type": "Note"}], "links": [], "title": "日本"}),
    "satchel": json.dumps({"version": 1, "models": []}),
}

Write = Callable[[Path, Mapping[str, str]], None]


def _image(**options: object) -> Write:
    def write(path: Path, texts: Mapping[str, str]) -> None:
        image = Image.new("RGB", (24, 16), (10, 200, 30))
        exif = image.getexif()
        # As comfy_api/latest/_ui.py does it.
        exif[0x0110] = f"prompt:{texts['prompt']}"
        exif[0x010F] = f"workflow:{texts['workflow']}"
        exif[0x010E] = f"satchel:{texts['satchel']}"
        more = [Image.new("RGB", (24, 16))] if options.get("save_all") else []
        image.save(path, exif=exif, append_images=more, **options)

    return write


def _animated_png(path: Path, texts: Mapping[str, str]) -> None:
    chunks = PngInfo()
    for key, text in texts.items():
        chunks.add(b"comf", f"{key}\0".encode() + text.encode("latin-1"), after_idat=True)
    first, second = Image.new("RGB", (24, 16), (10, 200, 30)), Image.new("RGB", (24, 16))
    first.save(path, format="PNG", pnginfo=chunks, save_all=True, append_images=[second])


def _video(form: str, codec: str, **options: str) -> Write:
    def write(path: Path, texts: Mapping[str, str]) -> None:
        with av.open(str(path), "w", format=form, options=options) as output:
            output.metadata.update(texts)
            stream = output.add_stream(codec, rate=8)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            pixels = numpy.zeros((32, 32, 3), numpy.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            for packet in (*stream.encode(frame), *stream.encode(None)):
                output.mux(packet)

    return write


def _audio(form: str, codec: str, rate: int) -> Write:
    def write(path: Path, texts: Mapping[str, str]) -> None:
        with av.open(str(path), "w", format=form) as output:
            output.metadata.update(texts)
            stream = output.add_stream(codec, rate=rate, layout="mono")
            silence = numpy.zeros((1, rate // 50), numpy.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="flt", layout="mono")
            frame.sample_rate, frame.pts = rate, 0
            for packet in (*stream.encode(frame), *stream.encode(None)):
                output.mux(packet)

    return write


def _latent(path: Path, texts: Mapping[str, str]) -> None:
    zeros = numpy.zeros(3, numpy.float32)
    safetensors.numpy.save_file({"latent_tensor": zeros}, str(path), metadata=dict(texts))


def _drawing(path: Path, texts: Mapping[str, str]) -> None:
    # As SaveSVGNode of comfy_extras/nodes_images.py does it.
    carried = json.dumps({key: json.loads(text) for key, text in texts.items()}, indent=2)
    section = f"  <metadata>\n        <![CDATA[\n{carried}\n        ]]>\n  </metadata>"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="1">\n{section}</svg>', "utf-8")


WRITERS: dict[str, Write] = {
    "animated.png": _animated_png,
    "lossy.webp": _image(quality=50),
    "lossless.webp": _image(lossless=True),
    "animated.webp": _image(save_all=True, duration=100),
    "picture.jpg": _image(quality=50),
    "picture.avif": _image(quality=50),
    "fast.mp4": _video("mp4", "libx264", movflags="use_metadata_tags+faststart"),
    "video.mp4": _video("mp4", "libx264", movflags="use_metadata_tags"),
    "video.webm": _video("webm", "libvpx-vp9"),
    "sound.flac": _audio("flac", "flac", 44_100),
    "sound.mp3": _audio("mp3", "libmp3lame", 44_100),
    "sound.opus": _audio("opus", "libopus", 48_000),
    "noise.latent": _latent,
    "drawing.svg": _drawing,
}
"""File name -> what writes it."""


if __name__ == "__main__":
    SAMPLES.mkdir(exist_ok=True)
    for name, write in WRITERS.items():
        write(SAMPLES / name, TEXTS)
