"""What serves the nodes of a process: one thread, and little besides their callbacks.

rclpy's SingleThreadedExecutor gathers every entity of every node anew, twice, for each callback: for the nodes that speak,
several times the work of their networks. Here that is done only when a node has made or destroyed something, and whatever is
ready is served before the next wait, so that no node starves another. And a wait costs by what is waited for: each node brings
seven services for its parameters, which are looked at every SELDOM_S or so, along with something else, as are slow timers.

What one node publishes and only others of the same executor hear is handed to them as it is, and neither serialised, sent,
waited for nor read: rclcpp calls that intra-process communication, and rclpy has none.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSCompatibility, qos_check_compatible
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.task import Task
from rclpy.timer import Timer
from rclpy.waitable import NumberOfEntities, Waitable

FOREVER_NS = -1
KINDS = ("subscription", "timer", "service", "client", "guard_condition")  # as a wait set calls them, and as they are served
OF_NODE = {kind: f"{kind}s" for kind in KINDS} | {"guard_condition": "guards"}
ROS2S_OWN = ("lifecycle_msgs", "rcl_interfaces", "type_description_interfaces")  # services that nodes have of themselves
SELDOM_S, LATEST_S = 0.08, 0.1  # between two looks at these: where something else is waited for just then, and at the most
LOOK_S = 0.05  # between two looks at who listens: each costs as much as handing over several messages
FAST_NS = 50_000_000  # timers of this period, as the motors' at rest, or a shorter one are served between a chain's hops too
SLOW_NS = 1_000_000_000  # timers of this period, or a longer one, may come as late as what is looked at seldom
TASKS_COME_BACK = hasattr(Executor, "_call_task_in_next_spin")  # by themselves, when they can go on: since Jazzy's rclpy 7.1.9
TELLS_WHEN_SENT = hasattr(Subscription, "CallbackType")  # to callbacks with a second argument; Humble's rclpy has no such
EVENTS_EVERY_S = 0.5  # a topic's two ends do not fit together, and the like: worth a warning, not a place in every wait


class Inbox:
    """What a subscription was handed and has not heard yet: the newest messages, as many as its depth, as DDS has it."""

    def __init__(self, executor: "TurnExecutor", subscription: Subscription) -> None:
        self.subscription = subscription
        self._executor = executor
        self._messages: deque[Any] = deque(maxlen=subscription.qos_profile.depth or None)  # none: it keeps all

    def put(self, message: Any, others_before: bool) -> None:
        """others_before: messages may have been sent to the subscription, by DDS, that are to be heard first."""
        if others_before:
            self._executor.call_soon(self._hear_what_was_sent)
        self._messages.append(message)
        self._executor.call_soon(self._hear)

    def _hear(self) -> None:
        if not self._messages:  # more came than its depth
            return
        try:
            with self.subscription.handle:
                pass
        except InvalidHandle:  # a callback before it has destroyed it
            return
        self.subscription.callback(self._messages.popleft())

    def _hear_what_was_sent(self) -> None:
        while hear(self.subscription):
            pass


class TurnExecutor(Executor):
    """Serves its nodes in turns. Callbacks are plain functions, none beside another: callback groups mean nothing here.

    Only the thread that serves nodes may change or destroy them; any may publish.
    """

    def __init__(self, **options: Any) -> None:
        self._stale, self._events_at, self._seldom_at = True, 0.0, 0.0
        self._waited = 0.0  # when the last wait ended
        self._thread = 0  # that serves
        self._soon: deque[Callable[[], None]] = deque()
        self._inboxes: dict[str, list[Inbox]] | None = None  # by topic; None while they are gathered
        self._near: dict[Publisher, list[Inbox]] = {}  # those of them that it fits, of a publisher that asked
        self._waitables: list[Waitable] = []
        self._events: list[Waitable] = []
        self._fast: list[Timer] = []
        self._unfinished: deque[Task] = deque()
        super().__init__(**options)

    def wake(self) -> None:
        """A node has made or destroyed something."""
        self._stale = True
        super().wake()

    def add_node(self, node: Node) -> bool:
        self._stale = True
        return super().add_node(node)

    def remove_node(self, node: Node) -> None:
        self._stale = True
        super().remove_node(node)

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Waits for something to be ready, at most so long, and serves all that is, each once. Raises what callbacks raise.

        What has been handed over is ready at once, and served by itself; but a chain that never comes to its end, because its
        nodes are too slow for their sound, keeps nothing else from its turn for longer than LATEST_S. timeout_sec: None waits
        forever.
        Raises ExternalShutdownException if rclpy is shut down meanwhile.
        """
        if self._is_shutdown:
            return
        self._thread = threading.get_ident()
        if self._stale and self._context.ok():
            self._gather()
        if self._soon:  # so that a chain of nodes is gone through without a wait between them
            for _ in range(len(self._soon)):
                self._soon.popleft()()
            for timer in self._fast:
                _call(timer)
            if time.monotonic() - self._waited < LATEST_S:
                return
            timeout_sec = 0.0
        waitables, adds = self._waitables, self._adds
        now = time.monotonic()
        if now >= self._events_at:
            waitables = waitables + self._events
            self._events_at = now + EVENTS_EVERY_S
        if all_of_them := now >= self._seldom_at:
            adds = adds + self._seldom
        else:
            left = self._seldom_at + (LATEST_S - SELDOM_S) - now
            timeout_sec = left if timeout_sec is None else min(left, timeout_sec)
        self._wait(adds, waitables, FOREVER_NS if timeout_sec is None else round(timeout_sec * 1e9))
        if all_of_them:
            self._seldom_at = time.monotonic() + SELDOM_S
        for subscription in self._ready("subscription"):
            hear(subscription)
        for timer in self._ready("timer"):
            _call(timer)
        for kind, take in (
            ("service", self._take_service),
            ("client", self._take_client),
            ("guard_condition", self._take_guard_condition),
        ):
            for entity in self._ready(kind):
                self._begin(take(entity))
        for waitable in waitables:
            if waitable.is_ready(self._set):
                self._begin(self._take_waitable(waitable))
        for _ in range(len(self._unfinished)):
            self._go_on(self._unfinished.popleft())

    def spin_once_until_future_complete(self, future: Any, timeout_sec: Any = None) -> None:
        self.spin_once(getattr(timeout_sec, "timeout", timeout_sec))

    def call_soon(self, act: Callable[[], None]) -> None:
        """Has act called before anything is waited for again. Any thread may ask for it."""
        self._soon.append(act)
        if threading.get_ident() != self._thread:
            super().wake()

    def within_reach(self, publisher: Publisher) -> list[Inbox] | None:
        """Those that hear this publisher, if nobody else does; otherwise None: then it is DDS that knows them all."""
        inboxes = self._inboxes
        if inboxes is None or self._stale:
            return None
        if (near := self._near.get(publisher)) is None:
            offered = publisher.qos_profile
            near = self._near[publisher] = [
                inbox
                for inbox in inboxes.get(publisher.topic_name, [])
                if qos_check_compatible(offered, inbox.subscription.qos_profile)[0] != QoSCompatibility.ERROR
            ]
        return near if publisher.get_subscription_count() <= len(near) else None

    def _gather(self) -> None:
        """The wait set of all that the nodes have now."""
        self._stale, self._inboxes, self._near = False, None, {}
        nodes = self.get_nodes()
        self._entities = {
            kind: {each.handle.pointer: each for node in nodes for each in getattr(node, name)}
            for kind, name in OF_NODE.items()
        }
        self._fast = [timer for timer in self._entities["timer"].values() if timer.timer_period_ns <= FAST_NS]
        own = (self._guard.handle, self._sigint_gc.handle)
        subscriptions, timers, services, clients, guards = (len(self._entities[kind]) for kind in KINDS)
        size = NumberOfEntities(subscriptions, guards + len(own), timers, clients, services)
        self._waitables, self._events = [], []
        for waitable in (each for node in nodes for each in node.waitables):
            needs = waitable.get_num_entities()
            (self._events if needs.num_events else self._waitables).append(waitable)
            size += needs
        self._set = _rclpy.WaitSet(
            size.num_subscriptions,
            size.num_guard_conditions,
            size.num_timers,
            size.num_clients,
            size.num_services,
            size.num_events,
            self._context.handle,
        )
        adds = {kind: getattr(self._set, f"add_{kind}") for kind in KINDS}
        served = [(each, (adds[kind], each.handle)) for kind in KINDS for each in self._entities[kind].values()]
        self._seldom, self._seldom_at = [add for entity, add in served if _may_wait(entity)], 0.0
        self._adds = [add for entity, add in served if not _may_wait(entity)]
        self._adds += [(adds["guard_condition"], handle) for handle in own]
        inboxes: dict[str, list[Inbox]] = {}
        for subscription in self._entities["subscription"].values():
            if _message_only(subscription) and not subscription.raw:
                inboxes.setdefault(subscription.topic_name, []).append(Inbox(self, subscription))
        self._inboxes = inboxes

    def _wait(self, adds: list[tuple[Callable[[Any], Any], Any]], waitables: list[Waitable], nanoseconds: int) -> None:
        if not self._context.ok():
            raise ExternalShutdownException
        self._set.clear_entities()  # the last wait has left in it what was ready
        for add, handle in adds:
            add(handle)
        for waitable in waitables:
            waitable.add_to_wait_set(self._set)
        self._set.wait(nanoseconds)
        self._waited = time.monotonic()
        if not self._context.ok():
            raise ExternalShutdownException

    def _ready(self, kind: str) -> list[Any]:
        """Those of the nodes; the set may hold others, of a waitable or of this executor."""
        entities = self._entities[kind]
        if not entities:
            return []
        return [entities[pointer] for pointer in self._set.get_ready_entities(kind) if pointer in entities]

    def create_task(self, callback: Any, *args: Any, **kwargs: Any) -> Task:
        """As any executor's: it begins in the next turn."""
        task = Task(callback, args, kwargs, executor=self)
        self._call_task_in_next_spin(task)
        return task

    def _call_task_in_next_spin(self, task: Task) -> None:
        """Newer tasks ask for it by this name when they have to go on."""
        self._unfinished.append(task)
        super().wake()

    def _begin(self, work: Callable[[], Any] | None) -> None:
        """What a service, an action or a client's answer has to do: as rclpy has it, a coroutine, which may await others."""
        if work is not None:
            self._go_on(Task(work, executor=self))

    def _go_on(self, task: Task) -> None:
        task()
        if task.done():
            task.result()  # raises what it raised
        elif not (task.cancelled() or TASKS_COME_BACK):
            self._unfinished.append(task)


def new_executor(**options: Any) -> Executor:
    """TurnExecutor; but rclpy's own under Humble, which has its services served in another way."""
    return TurnExecutor(**options) if hasattr(Executor, "_take_waitable") else SingleThreadedExecutor(**options)


def handing_over(node: Node, publisher: Publisher) -> Callable[[Any], None]:
    """publisher.publish, by the shortest way: who hears a message must not change it, as others hold the same.

    Messages keep their order when somebody outside begins to listen, or ends; LOOK_S may pass until that is noticed.
    """
    send = publisher.publish
    if publisher.qos_profile.durability != DurabilityPolicy.VOLATILE:
        return send  # is kept for who comes later
    near: list[Inbox] | None = None
    look_at, sent = 0.0, False

    def publish(message: Any) -> None:
        nonlocal near, look_at, sent
        if (now := time.monotonic()) >= look_at:
            executor = node.executor
            near = executor.within_reach(publisher) if isinstance(executor, TurnExecutor) else None
            look_at = now + LOOK_S
        if near is None or isinstance(message, bytes):
            sent = True
            send(message)
            return
        for inbox in near:
            inbox.put(message, others_before=sent)
        sent = False

    return publish


def _may_wait(entity: Any) -> bool:
    """Whether it serves tools, such as `ros2 param`, or comes so seldom that it may come later: what stops a face may not."""
    if isinstance(entity, Timer):
        return entity.timer_period_ns >= SLOW_NS
    return isinstance(entity, Service) and entity.srv_type.__module__.startswith(ROS2S_OWN)


def _message_only(subscription: Subscription) -> bool:
    return not TELLS_WHEN_SENT or subscription._callback_type is Subscription.CallbackType.MessageOnly


def hear(subscription: Subscription) -> bool:
    """Has it hear one message that has come by DDS -> whether there was one."""
    try:
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    except InvalidHandle:  # a callback before it has destroyed it
        return False
    if taken is not None:
        subscription.callback(*(taken[:1] if _message_only(subscription) else taken))
    return taken is not None


def _call(timer: Timer) -> None:
    try:
        with timer.handle:
            due = timer.handle.is_timer_ready()  # or it has been cancelled
            if due:
                timer.handle.call_timer()
    except InvalidHandle:
        return
    if due:
        timer.callback()
