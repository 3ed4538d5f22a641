"""rosbag2 files: what is written here `ros2 bag` plays, and what it recorded is read here. The only file that imports rosbags.

A bag is a folder, of which metadata.yaml is written last. One whose writer was killed lacks it, and is read all the same.
"""

import functools
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Writer
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from .errors import BadInputError
from .resources import resource

STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
VERSION: Final = 8  # of the metadata: Humble cannot read the way in which 9 writes the quality of service
KEPT_S, KEPT_BYTES = 1.0, 1 << 19  # what a killed writer may lose; beyond 1 MiB rosbags writes on its own, without an end
Quality = Qos  # of service
AT_ONCE = 4 << 20  # bytes that reach the file in one piece: what replaces the end of an MCAP file, and the new end
NS = 1_000_000_000
FOREVER = QosTime(9_223_372_036, 854_775_807)
# Records DataEnd and Footer without checksums and without a summary, and the magic: with them any MCAP file is whole.
MCAP_END = b"\x0f" + (4).to_bytes(8, "little") + bytes(4) + b"\x02" + (20).to_bytes(8, "little") + bytes(20) + b"\x89MCAP0\r\n"


class Message(NamedTuple):
    topic: str  # with its namespace, as all names of topics here
    kind: str  # such as lipsync_robot/msg/Audio
    moment: int  # ns since the epoch, when it was recorded
    data: bytes  # CDR


class Contents(NamedTuple):
    counts: dict[str, int]  # messages, by topic
    kinds: dict[str, str]
    begins: int  # ns since the epoch
    ends: int


@functools.cache
def types() -> Typestore:
    """The messages of ROS 2 Jazzy and this package's own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted(resource("msg").glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"lipsync_robot/msg/{file.stem}"))
    return store


def decoded(data: bytes, kind: str) -> Any:
    """-> an object with the fields of the message. Raises BadInputError."""
    try:
        return types().deserialize_cdr(data, kind)
    except SerdeError as error:
        raise BadInputError(f"a recorded {kind} is damaged: {error}.") from error


def canonical(data: bytes, kind: str) -> bytes:
    """The one serialization of a message: what middleware leaves between its fields, to align them, may be anything."""
    return bytes(types().serialize_cdr(decoded(data, kind), kind))


def quality(depth: int, reliable: bool) -> Quality:
    """What a publisher offered, for the player of a bag to offer it again."""
    reliability = QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT
    history, durability, liveliness = QosHistory.KEEP_LAST, QosDurability.VOLATILE, QosLiveliness.AUTOMATIC
    return Qos(history, depth, reliability, durability, FOREVER, FOREVER, liveliness, FOREVER, False)


def must_be_new(path: Path) -> None:
    """Raises BadInputError where there is something already."""
    if path.exists():
        raise BadInputError(
            f"{path}: is there already. Name a bag that does not exist yet: what is recorded is never added to."
        )


class Recording:
    """A new bag, which exists from its first message on. Whatever ends the process, what is older than KEPT_S can be read."""

    def __init__(self, path: Path, storage: str = "mcap") -> None:
        """storage: one of STORAGES. Raises BadInputError."""
        if storage not in STORAGES:
            raise BadInputError(f"storage {storage!r} is not known. Known: {', '.join(STORAGES)}.")
        must_be_new(path)
        self._writer = Writer(path, version=VERSION, storage_plugin=STORAGES[storage])
        if storage == "mcap":  # whose readers all unpack it: a run takes a fifth less, pictures more
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._topics: dict[str, Connection] = {}
        self._kept, self._unkept = 0, 0  # ns until when, and bytes since

    def write(self, topic: str, kind: str, moment: int, data: bytes | memoryview, offered: Quality | None = None) -> None:
        """A message of types() that was heard at a moment in ns since the epoch. Raises BadInputError."""
        with self._disk():
            if self._writer.storage is None:
                self._open(moment)
            if topic not in self._topics:
                self._topics[topic] = self._writer.add_connection(
                    topic, kind, typestore=types(), offered_qos_profiles=[offered] if offered else []
                )
            self._writer.write(self._topics[topic], moment, data)
            self._unkept += len(data)
            if self._unkept > KEPT_BYTES or moment - self._kept > KEPT_S * NS:
                self._keep()
                self._kept, self._unkept = moment, 0

    def close(self) -> None:
        """Not `with Writer`, which throws away what was recorded before an interruption."""
        if self._writer.storage is not None:
            with self._disk():
                self._writer.close()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise BadInputError(f"{self._writer.path}: cannot be written ({error}). Name a bag where there is room.") from error

    def _open(self, moment: int) -> None:
        self._writer.open()
        if isinstance(self._writer.storage, Sqlite3Writer):
            self._writer.storage.conn.execute("PRAGMA synchronous=OFF")  # the disk is not waited for; only a power cut harms
        elif isinstance(self._writer.storage, McapWriter):
            file = self._writer.storage.bio
            file.flush()
            self._writer.storage.bio = io.BufferedWriter(file.detach(), AT_ONCE)
        self._kept = moment

    def _keep(self) -> None:
        storage = self._writer.storage
        if isinstance(storage, Sqlite3Writer):
            storage.conn.commit()
        elif isinstance(storage, McapWriter):
            if storage.chunk.bio.tell():
                storage.close_chunk()
            end = storage.bio.tell()
            storage.bio.write(MCAP_END)
            storage.bio.flush()
            storage.bio.seek(end)  # what comes next is written over this end


def contents(path: Path) -> Contents:
    """What a bag holds. Raises BadInputError."""
    with _opened(path) as bag:
        counts: dict[str, int] = {}
        for connection in bag.connections:
            counts[connection.topic] = counts.get(connection.topic, 0) + connection.msgcount
        kinds = {connection.topic: connection.msgtype for connection in bag.connections}
        return Contents(counts, kinds, bag.start_time, bag.end_time)


def messages(path: Path, *topics: str) -> Iterator[Message]:
    """The messages of these topics, in the order in which they were recorded. Raises BadInputError, at the first one too."""
    with _opened(path) as bag:
        wanted = [connection for connection in bag.connections if connection.topic in topics]
        for connection in wanted:
            _check(path, connection)
        for connection, moment, data in bag.messages(wanted) if wanted else ():
            yield Message(connection.topic, connection.msgtype, moment, bytes(data))


def _check(path: Path, connection: Connection) -> None:
    kind = connection.msgtype
    if kind not in types().fielddefs:
        raise BadInputError(f"{path}: nothing here knows the {kind} on {connection.topic}.")
    if connection.digest and connection.digest != types().hash_rihs01(kind):
        raise BadInputError(
            f"{path}: its {kind} on {connection.topic} is of another version than this installation's. Record it anew."
        )


@contextmanager
def _opened(path: Path) -> Iterator[Reader]:
    remedy = "Record one: lipsync-robot record BAG"
    if not path.exists():
        raise BadInputError(f"{path}: no such bag. {remedy}")
    try:
        with Reader(_whole(path)) as bag:
            yield bag
    except BadInputError:
        raise
    except Exception as error:  # of many classes, one for each way in which a file can be wrong
        raise BadInputError(f"{path}: cannot be read as a rosbag2 ({error}). {remedy}") from error


def _whole(path: Path) -> Path:
    """A bag; of one whose writer was killed, the file that holds its messages."""
    files = [*path.glob("*.mcap"), *path.glob("*.db3")]
    if len(files) != 1 or (path / "metadata.yaml").exists():
        return path
    if Path(f"{files[0]}-journal").exists():  # killed while it committed: SQLite takes that back when it looks
        with closing(sqlite3.connect(files[0])) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return files[0]
