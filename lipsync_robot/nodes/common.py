"""What all nodes share, once: typed parameters, counted topics and their quality of service, stamps, start and end."""

import dataclasses
import faulthandler
import fcntl
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import rclpy
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType, SetParametersResult
from rclpy.exceptions import InvalidNamespaceException
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.validate_namespace import validate_namespace

from .. import settings
from ..errors import BadInputError, LipsyncError
from ..motors.ports import run_folder
from ..resources import resource
from . import pages
from .diagnostics import Condition, Diagnostics
from .executor import handing_over, new_executor

P = TypeVar("P")

# Sound must be whole: a lost block is a click and a wrong frame. 100 blocks are two seconds in which its reader may be busy.
SOUND = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST)
CHUNKS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST)  # in bursts
# A lost pose is a jerk. Ten are 0.2 s of speech: whatever waited longer has outlived the lifetime_s of its command.
# Without a DDS deadline: no publisher that offers none (`ros2 topic pub`, a bag) would be matched, and every pause in speech
# would be a missed one. Each command carries its own lifetime instead, and motor_driver counts the poses that miss deadline_s.
MOTION = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_LAST)
# How something stands: told when it changes, and to whoever comes later.
STATE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# A picture is worth only its newest: nobody waits for one that was lost.
IMAGE = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)

HEED_S = 0.1  # after which a node at rest sees that it was asked to end
FORGOTTEN_S = 7.0  # within which DDS forgets a node; `ros2 launch` kills after ten, of which a twin may wait for two
STDERR = 2  # whatever a test or a notebook has made of sys.stderr

BUILT_IN = {"use_sim_time", "start_type_description_service"}  # of any ROS 2 node
SHARED = {"human_face", "playback_delay_s", "robot"}  # stand under /** in a settings file, for the nodes that know them
LAST_DOMAIN = 232  # DDS has no ports for a ROS_DOMAIN_ID beyond
LOCAL = {
    # No discovery leaves the machine; shared memory is passed over because a killed process leaves its locks behind.
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # ways in which a process is asked to end
VOID = "audio/void"  # the topic that calls sound back: all before its stamp is void
TO_MOTION = ("human/landmarks", "robot/landmarks", "motor/command")  # the arrows from a face to the driver


class ParameterError(BadInputError):
    """A node was given a parameter that it does not have, or a value it cannot use."""


def parameter(default: Any, says: str, low: float | None = None, high: float | None = None, live: bool = False) -> Any:
    """A field of a node's parameter dataclass: its default, what it means, its range where it has one.

    live: it may be set while the node runs; its node reads it anew for every message, or in `changed`.
    """
    metadata = {"default": default, "says": says, "range": (low, high), "live": live}
    return dataclasses.field(default_factory=lambda: default, metadata=metadata)


class Configured(Node):
    """A node whose parameters were all given to it from outside; `declare` types them. What it hears and sends is counted."""

    def __init__(self, name: str) -> None:
        self._reports: Diagnostics | None = None  # rclpy makes topics of its own first: they do not count
        self._declared: Any = None
        self.fields: dict[str, dataclasses.Field] = {}  # of its parameters' dataclass
        super().__init__(name, automatically_declare_parameters_from_overrides=True)
        self._reports = Diagnostics(self, lambda: self.condition())

    def destroy_node(self) -> None:
        with at_most(FORGOTTEN_S):
            super().destroy_node()

    def declare(self, cls: type[P]) -> P:
        """Declares cls's fields, typed and described -> them as given, and as live ones are set. Raises ParameterError."""
        given = self.get_parameters_by_prefix("")
        self.fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for key in given:
            if key in SHARED and key not in self.fields:
                self.undeclare_parameter(key)  # for others
            elif not self._is_rclpys(key):
                self._known(key)
        for name, field in self.fields.items():
            value = given[name].value if name in given else field.metadata["default"]
            if name in given:
                self.undeclare_parameter(name)
            self.declare_parameter(name, self._checked(name, value), _descriptor(field), ignore_override=True)
        params = self._declared = cls(**{name: self.get_parameter(name).value for name in self.fields})
        return params

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """As any node's, which its services call; a refusal is a sentence, and a change counts from the next message on.

        No callback: rclpy would ask it last, after refusals of its own that do not say what may be given.
        """
        try:
            wanted = [self._wanted(parameter) for parameter in parameter_list]
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        result = super().set_parameters_atomically(wanted)
        if result.successful:
            for parameter in wanted:
                if parameter.name in self.fields:
                    setattr(self._declared, parameter.name, parameter.value)
            self.changed()
        return result

    def changed(self) -> None:
        """Called when live parameters have been set: hands them on where they are not read for every message."""

    def condition(self) -> Condition:
        """How it stands, for /diagnostics: asked once a second."""
        return Condition()

    def create_publisher(self, msg_type: Any, topic: str, qos_profile: Any, **options: Any) -> Publisher:
        """As any node's; what is published is counted, and handed over where all who hear it are near."""
        publisher = super().create_publisher(msg_type, topic, qos_profile, **options)
        if self._reports is not None:
            publisher.publish = self._reports.counted(topic, True, handing_over(self, publisher))
        return publisher

    def create_subscription(self, msg_type: Any, topic: str, callback: Any, qos_profile: Any, **options: Any) -> Subscription:
        """As any node's; what is heard is counted."""
        if self._reports is not None:
            callback = self._reports.counted(topic, False, callback)
        return super().create_subscription(msg_type, topic, callback, qos_profile, **options)

    def now(self) -> float:
        """Seconds since the epoch: servos and sound cards know no simulated time."""
        return time.time()

    def heard_to_the_end(self, source: Publisher, arrows: Sequence[str] = TO_MOTION) -> bool:
        """Whether everybody who is to hear what this node publishes does, and every arrow on to the driver has two ends."""
        matched = source.get_subscription_count() >= self.count_subscribers(source.topic_name) > 0
        return matched and all(self.count_publishers(topic) and self.count_subscribers(topic) for topic in arrows)

    def _is_rclpys(self, key: str) -> bool:
        return key in BUILT_IN or key.startswith("qos_overrides.")

    def _known(self, name: str) -> dataclasses.Field:
        if name not in self.fields:
            hint = settings.suggestion(name, self.fields) if self.fields else "It has none."
            raise ParameterError(f"node {self.get_name()}: unknown parameter {name!r}. {hint}")
        return self.fields[name]

    def _wanted(self, parameter: Parameter) -> Parameter:
        """A parameter that is to be set while the node runs, of the declared type. Raises ParameterError."""
        name = parameter.name
        if self._is_rclpys(name):
            return parameter
        if not self._known(name).metadata["live"]:
            raise ParameterError(
                f"node {self.get_name()}: parameter {name!r} is fixed while it runs. Give it where the node is started."
            )
        return Parameter(name, value=self._checked(name, parameter.value))

    def _checked(self, name: str, value: Any) -> Any:
        default, (low, high) = (self.fields[name].metadata[key] for key in ("default", "range"))
        wanted = type(default)
        if wanted is float and type(value) is int:
            value = float(value)
        where = f"node {self.get_name()}: parameter {name!r} is {value!r}"
        if type(value) is not wanted or (wanted is list and not all(isinstance(item, str) for item in value)):
            raise ParameterError(f"{where}; give a {'list of str' if wanted is list else wanted.__name__}.")
        if low is not None and not low <= value <= high:  # which NaN is not
            raise ParameterError(f"{where}; it goes from {low} to {high}.")
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
    described = ParameterDescriptor(type=kind, description=field.metadata["says"], read_only=not field.metadata["live"])
    if low is not None and kind == ParameterType.PARAMETER_DOUBLE:
        described.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif low is not None:
        described.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
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
    """Keeps the traffic of nodes that this process will start on this machine, unless the environment says otherwise.

    Raises BadInputError for a ROS_DOMAIN_ID that DDS has no ports for.
    """
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not (domain.isdecimal() and int(domain) <= LAST_DOMAIN):
        raise BadInputError(f"ROS_DOMAIN_ID is {domain!r}: it must be a number from 0 to {LAST_DOMAIN}.")
    for key, value in LOCAL.items():
        os.environ.setdefault(key, value)
    if os.environ.get("ROS_DISTRO") == "humble":  # which knows no discovery range yet
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")


@contextmanager
def endings(ignorable: Collection[int] = ENDINGS) -> Iterator[list[int]]:
    """Notes SIGINT, SIGTERM and SIGHUP as they come, for who heeds them in time; of `ignorable`, what is ignored stays so.

    rclpy's own handlers would close all topics at once, on which a driver that takes its face home still speaks; and an
    exception, raised where the signal finds the process, would be inside rclpy at times, which makes another error of it. A
    second signal changes nothing: none may keep the face from reaching neutral.
    """
    came: list[int] = []
    before = {ending: signal.getsignal(ending) for ending in ENDINGS}
    for ending, handler in before.items():
        if handler is not signal.SIG_IGN or ending not in ignorable:
            signal.signal(ending, lambda number, _: came.append(number))
    try:
        yield came
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ends the process, with status 1 and where each thread is on stderr, if the body takes longer.

    For what DDS does: Fast DDS that is told to end in the moment in which it learns of somebody else's end waits for itself for
    ever, at full load (its issue 6513), and in rclpy's hands that holds the interpreter's lock: no signal would be heard.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def settle() -> None:
    """All that has been imported and built by now stays: the garbage collector need not look through it in mid-speech."""
    gc.collect()
    gc.freeze()
    pages.huge()


def run(node_class: Callable[[], Node]) -> Callable[[], None]:
    """The main function of a process that holds one node: spins until it is interrupted, then lets it end in order.

    It exits with 0 when it was asked to end, with the error's exit_code after one sentence, with 1 after a traceback.
    """

    def main() -> None:
        node = None
        # A launch file's shell may have had Ctrl-C ignored for all that it starts; launch still ends nodes by it.
        with endings(ignorable=(signal.SIGHUP,)) as asked:
            rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
            try:
                node = node_class()
                executor = new_executor()
                executor.add_node(node)
                settle()
                while not asked:
                    executor.spin_once(HEED_S)
            except SystemExit:
                pass
            except LipsyncError as error:
                print(error, file=sys.stderr)
                sys.exit(error.exit_code)
            finally:
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
