"""What all nodes share, once: typed parameters, stamps, topics' quality of service, start and end of a process."""

import dataclasses
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import rclpy
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, ParameterType
from rclpy.exceptions import InvalidNamespaceException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.validate_namespace import validate_namespace

from .. import settings
from ..errors import BadInputError, LipsyncError
from ..motors.ports import run_folder
from ..resources import resource

P = TypeVar("P")

# Sound must be whole: a lost block is a click and a wrong frame. Everything after it is worth only its newest.
SOUND = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST)
CHUNKS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST)  # in bursts
MOTION = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST)
IMAGE = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)

BUILT_IN = {"use_sim_time", "start_type_description_service"}  # of any ROS 2 node
SHARED = {"human_face", "playback_delay_s", "robot"}  # stand under /** in a settings file, for the nodes that know them
LOCAL = {
    # No discovery leaves the machine; shared memory is passed over because a killed process leaves its locks behind.
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # ways in which a process is asked to end
TO_MOTION = ("human/landmarks", "robot/landmarks", "motor/command")  # the arrows from a face to the driver


class ParameterError(BadInputError):
    """A node was given a parameter that it does not have, or a value it cannot use."""


def parameter(default: Any, says: str, low: float | None = None, high: float | None = None) -> Any:
    """A field of a node's parameter dataclass: its default, what it means, and its range where it has one."""
    metadata = {"default": default, "says": says, "range": (low, high)}
    return dataclasses.field(default_factory=lambda: default, metadata=metadata)


class Configured(Node):
    """A node whose parameters were all given to it from outside; `declare` types them."""

    def __init__(self, name: str) -> None:
        super().__init__(name, automatically_declare_parameters_from_overrides=True)

    def declare(self, cls: type[P]) -> P:
        """Declares cls's fields, typed and described, and returns them as given. Unknown keys raise ParameterError."""
        given = self.get_parameters_by_prefix("")
        fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for key in given:
            if key not in fields and key not in BUILT_IN | SHARED and not key.startswith("qos_overrides."):
                hint = settings.suggestion(key, fields)
                raise ParameterError(f"node {self.get_name()}: unknown parameter {key!r}. {hint}")
        for name, field in fields.items():
            value = given[name].value if name in given else field.metadata["default"]
            if name in given:
                self.undeclare_parameter(name)
            self.declare_parameter(name, self._checked(field, value), _descriptor(field), ignore_override=True)
        return cls(**{name: self.get_parameter(name).value for name in fields})

    def now(self) -> float:
        """Seconds since the epoch: servos and sound cards know no simulated time."""
        return time.time()

    def heard_to_the_end(self, source: Publisher) -> bool:
        """Whether everybody who is to hear what this node publishes does, and every arrow on to the driver has two ends."""
        matched = source.get_subscription_count() >= self.count_subscribers(source.topic_name) > 0
        return matched and all(self.count_publishers(topic) and self.count_subscribers(topic) for topic in TO_MOTION)

    def _checked(self, field: dataclasses.Field, value: Any) -> Any:
        wanted = type(field.metadata["default"])
        where = f"node {self.get_name()}: parameter {field.name!r}"
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, wanted):
            raise ParameterError(f"{where} is {value!r}; give a {wanted.__name__}.")
        low, high = field.metadata["range"]
        if (low is not None and value < low) or (high is not None and value > high):
            raise ParameterError(f"{where} is {value!r}; it goes from {low} to {high}.")
        return value


class Managed(Configured, LifecycleNode):
    """The same as a managed node, with the states of ROS 2's life cycle."""


def _descriptor(field: dataclasses.Field) -> ParameterDescriptor:
    kinds = {
        bool: ParameterType.PARAMETER_BOOL,
        int: ParameterType.PARAMETER_INTEGER,
        float: ParameterType.PARAMETER_DOUBLE,
        str: ParameterType.PARAMETER_STRING,
        list: ParameterType.PARAMETER_STRING_ARRAY,
    }
    low, high = field.metadata["range"]
    kind = kinds[type(field.metadata["default"])]
    described = ParameterDescriptor(type=kind, description=field.metadata["says"], read_only=True)
    if low is not None and isinstance(field.metadata["default"], float):
        described.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return described


def shared_file(name: str) -> Path:
    """A path from a settings file: absolute, or within the package's config/ and models/. Raises ParameterError."""
    if Path(name).is_absolute():
        return Path(name)
    for place in (name, f"config/{name}"):
        try:
            return resource(place)
        except FileNotFoundError:
            continue
    raise ParameterError(f"{name}: no such file in this installation. Give an absolute path for a file of your own.")


def to_stamp(moment: float) -> Time:
    """moment in s since the epoch -> message stamp."""
    nanoseconds = round(moment * 1e9)
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def seconds(stamp: Time) -> float:
    """message stamp -> s since the epoch."""
    return stamp.sec + stamp.nanosec * 1e-9


def namespace(given: str) -> str:
    """A namespace as ROS 2 writes it, from the root. Raises BadInputError."""
    full = "/" + given.strip("/")
    try:
        validate_namespace(full)
    except InvalidNamespaceException as error:
        raise BadInputError(f"namespace {given!r}: use letters, digits and _, no digit first, such as left_robot.") from error
    return full


def robot_id(node: Node) -> str:
    """What sets one robot apart from others on this machine: its ROS domain and namespace."""
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    return f"{domain}{node.get_namespace().replace('/', '-').rstrip('-')}"


def only_one(node: Node) -> IO[str]:
    """Claims this robot for this process until the returned file is closed. Raises BadInputError if another one has it."""
    lock = (run_folder() / f"{robot_id(node)}.{node.get_name()}.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        raise BadInputError(
            f"another {node.get_name()} already moves this robot (process {owner}, ROS domain and namespace "
            f"{robot_id(node)}). Stop it first, or give this one a ROS_DOMAIN_ID of its own."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def stay_local() -> None:
    """Keeps the traffic of nodes that this process will start on this machine, unless the environment says otherwise."""
    for key, value in LOCAL.items():
        os.environ.setdefault(key, value)
    if os.environ.get("ROS_DISTRO") == "humble":  # which knows no discovery range yet
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")


def run(node_class: Callable[[], Node]) -> Callable[[], None]:
    """The main function of a process that holds one node: spins until it is interrupted, then lets it end in order."""

    def main() -> None:
        rclpy.init()
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # its terminal was closed; rclpy sees to the others
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
        node = None
        try:
            node = node_class()
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            executor.spin()
        except (KeyboardInterrupt, ExternalShutdownException, SystemExit):
            pass
        except LipsyncError as error:
            print(error, file=sys.stderr)
            sys.exit(error.exit_code)
        finally:
            for impatient in ENDINGS:  # a second one must not keep the face from its neutral
                signal.signal(impatient, signal.SIG_IGN)
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()

    return main


class Finite(Protocol):
    """A node that has an end of its own."""

    finished: bool

    def create_timer(self, timer_period_sec: float, callback: Callable[[], None]) -> Any: ...


def run_until_finished(node_class: Callable[[], Finite]) -> Callable[[], None]:
    """As run; the process ends with what the node plays."""

    def make() -> Any:
        node = node_class()

        def end() -> None:
            if node.finished:
                raise SystemExit

        node.create_timer(0.1, end)
        return node

    return run(make)
