"""Names from the net: what may become a path here, and what may not."""

from __future__ import annotations

import unicodedata

import pytest

from satchel.errors import ForbiddenFormatError, UnsafePathError
from satchel.file_names import check_format, checked_name, destination, portable_name
from satchel.folders import open_folders

FINE = [
    "a.safetensors",
    "style/ink wash v2.safetensors",
    "deep/er/and/deeper/a.safetensors",
    "水墨 画風.safetensors",
    "Стиль.safetensors",
    "émile.safetensors",
    "e\u0301mile.safetensors",
    "🦊🔥.safetensors",
    "[Pony] it's (v1.0) {x} #1 & more+less = 100% @home!.safetensors",
    "a..b.safetensors",
    "v1.5.final.safetensors",
    "console.safetensors",
    "com.safetensors",
    "COM10.safetensors",
    "nullify.safetensors",
    "x~1.safetensors",
    "-rf.safetensors",
    "$HOME.safetensors",
    "a" * 200 + ".safetensors",
    "字" * 70 + ".safetensors",
]
HOSTILE = {
    "parent": "../x.safetensors",
    "two parents": "../../x.safetensors",
    "parent in the middle": "a/../../x.safetensors",
    "parent with backslashes": "..\\..\\x.safetensors",
    "mixed slashes": "a\\..//..\\x.safetensors",
    "only parent": "..",
    "only dot": ".",
    "dot in the middle": "a/./x.safetensors",
    "absolute": "/etc/passwd",
    "absolute with backslash": "\\Windows\\x.safetensors",
    "drive": "C:\\x.safetensors",
    "drive relative": "C:x.safetensors",
    "drive with slash": "c:/x.safetensors",
    "drive in the middle": "a/C:x.safetensors",
    "UNC": "\\\\server\\share\\x.safetensors",
    "UNC with slashes": "//server/share/x.safetensors",
    "device path": "\\\\?\\C:\\x.safetensors",
    "alternate data stream": "x.safetensors:evil.exe",
    "device": "CON",
    "device with extension": "con.safetensors",
    "device with two extensions": "NUL.tar.safetensors",
    "device with space": "aux .safetensors",
    "device port": "a/COM1.safetensors",
    "device superscript": "lpt¹.safetensors",
    "device console": "CONOUT$.safetensors",
    "device folder": "prn/x.safetensors",
    "trailing dot": "x.safetensors.",
    "trailing space": "x.safetensors ",
    "leading space": " x.safetensors",
    "folder with trailing dot": "a./x.safetensors",
    "folder with trailing space": "a /x.safetensors",
    "trailing no-break space": "x.safetensors\u00a0",
    "newline": "x\n.safetensors",
    "escape": "x\x1b[31m.safetensors",
    "delete": "x\x7f.safetensors",
    "C1 control": "x\x85.safetensors",
    "NUL": "x.safetensors\0.exe",
    "direction override": "x\u202esrotnesnetefas.exe.safetensors",
    "direction isolate": "\u2066x.safetensors",
    "zero width space": "x\u200b.safetensors",
    "zero width joiner": "x\u200d.safetensors",
    "byte order mark": "\ufeffx.safetensors",
    "soft hyphen": "x\u00ad.safetensors",
    "line separator": "x\u2028.safetensors",
    "lone surrogate": "x\ud800.safetensors",
    "home": "~/x.safetensors",
    "other home": "~root/x.safetensors",
    "hidden": ".x.safetensors",
    "hidden folder": ".git/x.safetensors",
    "empty": "",
    "blank": " ",
    "empty part": "a//x.safetensors",
    "trailing slash": "a/",
    "question mark": "x?.safetensors",
    "star": "*.safetensors",
    "pipe": "x|y.safetensors",
    "angle": "<x>.safetensors",
    "quote": 'x".safetensors',
    "too long": "a" * 241 + ".safetensors",
    "too long in bytes": "字" * 81 + ".safetensors",
    "too deep": "a/" * 3000 + "x.safetensors",
}


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "loras").mkdir()
    return open_folders(tmp_path)


@pytest.mark.parametrize("name", FINE)
def test_an_ordinary_name_is_kept(folders, tmp_path, name):
    assert checked_name(name) == name

    path = destination(folders, "loras", name)

    assert path == tmp_path / "loras" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"it is a name that the disk takes")


def test_backslashes_become_slashes(folders, tmp_path):
    assert checked_name("style\\ink.safetensors") == "style/ink.safetensors"
    assert destination(folders, "loras", "style\\ink.safetensors").parent.name == "style"


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_name_is_refused(folders, case):
    with pytest.raises(UnsafePathError, match="refused"):
        checked_name(HOSTILE[case])
    with pytest.raises(UnsafePathError) as caught:
        destination(folders, "loras", HOSTILE[case])

    assert caught.value.details["name"] == HOSTILE[case]


@pytest.mark.parametrize(
    "kind",
    ["custom_nodes", "configs", "datasets", "output", "", "..", "loras/../..", "LORAS", "nope"],
)
def test_a_directory_that_holds_no_models_is_refused(folders, kind):
    with pytest.raises(UnsafePathError, match="no model folder"):
        destination(folders, kind, "x.safetensors")


def test_a_link_that_leaves_the_folder_is_refused(folders, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "loras" / "link").symlink_to(outside, target_is_directory=True)
    (tmp_path / "loras" / "file.safetensors").symlink_to(outside / "file.safetensors")

    for name in ("link/x.safetensors", "file.safetensors"):
        with pytest.raises(UnsafePathError, match="link"):
            destination(folders, "loras", name)


def test_a_link_that_stays_and_a_linked_root_are_fine(tmp_path):
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "disk" / "inside").symlink_to(tmp_path / "disk" / "real")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "loras").symlink_to(tmp_path / "disk", target_is_directory=True)

    path = destination(open_folders(tmp_path / "models"), "loras", "inside/x.safetensors")

    assert path.resolve() == tmp_path / "disk" / "real" / "x.safetensors"


@pytest.mark.parametrize("name", ["a.safetensors", "a.SAFETENSORS", "a.sft", "a.gguf"])
def test_a_format_that_holds_only_data_is_allowed(name):
    check_format(name, allow_pickle=False)


@pytest.mark.parametrize("name", ["a.ckpt", "a.pt", "a.PTH", "a.bin", "a.pkl", "a.safetensors.pt"])
def test_a_format_that_can_run_code_needs_the_operator(name):
    with pytest.raises(ForbiddenFormatError, match="run code"):
        check_format(name, allow_pickle=False)

    check_format(name, allow_pickle=True)


@pytest.mark.parametrize("name", ["a.exe", "a.py", "a.zip", "a", "a.safetensors.exe", "a.yaml", ""])
def test_what_is_no_model_is_refused_even_then(name):
    for allowed in (False, True):
        with pytest.raises(ForbiddenFormatError, match="no model file"):
            check_format(name, allow_pickle=allowed)


@pytest.mark.parametrize("name", [name for name in FINE if name.count("/") < 3])
def test_a_fine_name_is_portable_as_it_is_but_for_composed_letters(name):
    assert portable_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_every_hostile_name_becomes_a_harmless_one(name):
    made = portable_name(name)

    assert checked_name(made) == made
    assert portable_name(made) == made


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("../../etc/ink.safetensors", "etc/ink.safetensors"),
        ("C:\\models\\ink.safetensors", "C_/models/ink.safetensors"),
        ("CON.safetensors", "_CON.safetensors"),
        ("ink: wash?.safetensors", "ink_ wash_.safetensors"),
        ("ink\u202esrotesnefas.safetensors", "inksrotesnefas.safetensors"),
        ("\u202e.safetensors", "model.safetensors"),
        (" ink . safetensors", "ink.safetensors"),
        ("x" * 400 + ".safetensors", "x" * 228 + ".safetensors"),
        ("字" * 200 + ".safetensors", "字" * 76 + ".safetensors"),
        ("..", "model"),
        ("", "model"),
    ],
)
def test_a_portable_name_is_still_recognisable(name, made):
    assert portable_name(name) == made
