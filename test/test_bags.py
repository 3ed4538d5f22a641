"""Bags: what anybody else reads in them, what is left of them after a kill, and what a damaged one says."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from lipsync_robot import bags
from lipsync_robot.errors import BadInputError

AUDIO = "lipsync_robot/msg/Audio"
BEGIN, STEP = 1_700_000_000 * bags.NS, 20_000_000  # ns


def block(i: int) -> bytes:
    make = bags.types().types
    header = make["std_msgs/msg/Header"](make["builtin_interfaces/msg/Time"](i, 0), "")
    return bytes(bags.types().serialize_cdr(make[AUDIO](header, 16_000, np.full(320, i, np.int16)), AUDIO))


def write(path: Path, storage: str, blocks: int) -> None:
    bag = bags.Recording(path, storage)
    for i in range(blocks):
        bag.write("/audio", AUDIO, BEGIN + i * STEP, block(i), bags.quality(100, reliable=True))
    bag.close()


@pytest.mark.parametrize("storage", bags.STORAGES)
def test_others_read_what_is_written(tmp_path: Path, storage: str) -> None:
    write(tmp_path / "bag", storage, 150)
    with AnyReader([tmp_path / "bag"]) as reader:  # which knows our messages from the bag alone
        (connection,) = reader.connections
        heard = [(moment, reader.deserialize(data, AUDIO)) for _, moment, data in reader.messages()]
    assert [moment for moment, _ in heard] == [BEGIN + i * STEP for i in range(150)]
    assert all(message.header.stamp.sec == i and (message.samples == i).all() for i, (_, message) in enumerate(heard))
    assert connection.ext.offered_qos_profiles == [bags.quality(100, reliable=True)]
    assert connection.msgcount == 150
    metadata = (tmp_path / "bag" / "metadata.yaml").read_text()
    assert f"storage_identifier: {storage}" in metadata
    assert "version: 8" in metadata
    assert bags.contents(tmp_path / "bag").counts == {"/audio": 150}


def test_its_messages_are_those_of_ros_2() -> None:
    """By the hashes that ROS 2's own generator wrote at the installation."""
    from lipsync_robot import msg

    installed = [Path(folder).parents[4] / "share/lipsync_robot/msg" for folder in msg.__path__]
    files = [file for folder in installed for file in folder.glob("*.json")]
    assert files
    for file in files:
        hashes = {known["type_name"]: known["hash_string"] for known in json.loads(file.read_text())["type_hashes"]}
        kind = f"lipsync_robot/msg/{file.stem}"
        assert bags.types().hash_rihs01(kind) == hashes[kind]


WRITES = """
import sys
from pathlib import Path
from test_bags import AUDIO, BEGIN, STEP, block
from lipsync_robot import bags
bag = bags.Recording(Path(sys.argv[1]), sys.argv[2])
for i in range(1_000_000):
    bag.write("/audio", AUDIO, BEGIN + i * STEP, block(i))
    if i == 400:
        print("far enough", flush=True)
"""


@pytest.mark.parametrize("storage", bags.STORAGES)
def test_a_killed_writer_leaves_all_but_its_last_second(tmp_path: Path, storage: str) -> None:
    command = [sys.executable, "-c", WRITES, str(tmp_path / "bag"), storage]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent, text=True)
    assert writer.stdout
    assert writer.stdout.readline() == "far enough\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    left = list(bags.messages(tmp_path / "bag", "/audio"))
    assert len(left) > 400 - bags.KEPT_S * bags.NS / STEP - 1
    assert [message.data for message in left[:300]] == [block(i) for i in range(300)]


@pytest.mark.parametrize("storage", bags.STORAGES)
def test_a_full_disk_is_one_sentence(tmp_path: Path, storage: str) -> None:
    little = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    command = [sys.executable, "-c", little + WRITES, str(tmp_path / "bag"), storage]
    ended = subprocess.run(command, stderr=subprocess.PIPE, cwd=Path(__file__).parent, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert f"BadInputError: {tmp_path / 'bag'}: cannot be written" in ended.stderr.splitlines()[-1]


def test_padding_is_no_difference() -> None:
    data = bytearray(block(7))
    padding = 4 + 8 + 4 + 1  # encapsulation, stamp, length of the empty frame_id, its end
    assert data[padding : padding + 3] == bytes(3)
    data[padding : padding + 3] = b"\xff\xff\xff"
    assert bags.canonical(bytes(data), AUDIO) == block(7)


@pytest.mark.parametrize("storage", bags.STORAGES)
def test_a_damaged_bag_is_one_sentence_or_read(tmp_path: Path, storage: str) -> None:
    write(tmp_path / "bag", storage, 20)
    (file,) = [*(tmp_path / "bag").glob("*.mcap"), *(tmp_path / "bag").glob("*.db3")]
    whole, chance = file.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(60):
        wrong = bytearray(whole[: chance.randrange(len(whole))]) if chance.random() < 0.5 else bytearray(whole)
        for _ in range(5):
            if wrong:
                wrong[chance.randrange(len(wrong))] = chance.randrange(256)
        file.write_bytes(wrong)
        try:
            for message in bags.messages(tmp_path / "bag", "/audio"):
                bags.canonical(message.data, message.kind)
        except BadInputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("nowhere", None, "no such bag"),
        ("empty", {}, "cannot be read as a rosbag2"),
        ("text", {"metadata.yaml": "hello"}, "cannot be read as a rosbag2"),
        ("lost", {"metadata.yaml": "rosbag2_bagfile_information: {version: 5}"}, "cannot be read as a rosbag2"),
        ("ros1.bag", "#ROSBAG V2.0\n", "cannot be read as a rosbag2"),
    ],
)
def test_what_is_no_bag_is_said_so(tmp_path: Path, name: str, content: dict | str | None, says: str) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        path.mkdir()
        for file, text in content.items():
            (path / file).write_text(text)
    with pytest.raises(BadInputError, match=says) as refused:
        bags.contents(path)
    assert "\n" not in str(refused.value)


def test_what_is_recorded_is_never_added_to(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is there already"):
        bags.Recording(tmp_path)
    with pytest.raises(BadInputError, match="storage 'tape' is not known"):
        bags.Recording(tmp_path / "bag", "tape")
