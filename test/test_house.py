"""The house rules: which room may import what. Design, section 3; docs/architecture.md draws it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "lipsync_robot"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400  # lines

BASE = {"errors", "resources", "settings"}
GROUND = BASE | {"face", "audio", "inference", "bags"}
MAY_USE = {
    **{room: {"errors"} for room in GROUND},
    "bags": {"errors", "resources"},
    "speech": GROUND,
    "vision": GROUND,
    "motors": GROUND,
    "twin": GROUND | {"motors"},
    "learning": GROUND | {"speech", "vision", "motors", "twin"},
    "nodes": GROUND | {"speech", "vision", "motors", "twin", "action", "msg"},
    "cli": GROUND | {"speech", "vision", "motors", "twin", "learning", "nodes"},
}
ONLY_IN = {
    "torch": {"learning"},
    "lightning": {"learning"},
    "dask": {"learning"},
    "distributed": {"learning"},
    "pocketsphinx": {"audio", "learning"},
    "onnxruntime": {"inference", "learning/export.py"},  # export: its quantiser and converter, never a session
    "rclpy": {"nodes", "cli"},
    "rosbags": {"bags"},
    "rerun": {"nodes"},
    "mujoco": {"twin"},
    "mediapipe": {"vision"},
    "cv2": {"vision"},
    "serial": {"motors"},
    "dynamixel_sdk": {"motors"},
    "sounddevice": {"audio"},
    "librosa": set(),
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[tuple[str, ...]]:
    """Every imported module as its parts; those of this package start with its name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ["lipsync_robot", *path.relative_to(PACKAGE).parts[:-1]]
            here = base[: len(base) - node.level + 1] if node.level else []
            module = [*here, *(node.module or "").split(".")] if node.module else here
            found |= {(*module, alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_keeps_to_its_room(path: Path) -> None:
    room = room_of(path)
    for parts in imports(path):
        if parts[0] == "lipsync_robot" and len(parts) > 1 and parts[1] != room and room in MAY_USE:
            assert parts[1] in MAY_USE[room], f"{room} must not use {parts[1]}"
            assert not any(name.startswith("_") for name in parts[2:]), f"{'.'.join(parts)} is private to {parts[1]}"
        if parts[0] in ONLY_IN:
            here = {room, str(path.relative_to(PACKAGE))}
            assert here & ONLY_IN[parts[0]], f"only {ONLY_IN[parts[0]] or 'tests'} may import {parts[0]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text))


def test_every_room_is_covered() -> None:
    assert {room_of(path) for path in FILES} - {"__init__"} == set(MAY_USE)


def test_the_rules_notice_a_breach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breach = PACKAGE / "face" / "breach.py"
    monkeypatch.setattr(Path, "read_text", lambda _: '"""Breach."""\nfrom ..motors import guard\n')
    with pytest.raises(AssertionError, match="face must not use motors"):
        test_a_file_keeps_to_its_room(breach)
