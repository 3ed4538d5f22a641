"""What a program needs that wants a robot to speak.   [say_client] -> say, say/chunks, say/stop"""

import array
import time
import uuid
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.task import Future
from std_srvs.srv import Trigger
from unique_identifier_msgs.msg import UUID

from lipsync_robot.action import Say
from lipsync_robot.msg import SayChunk

from . import common
from .visitor import NoRobotError, Visitor, visiting

PATIENCE_S = 5.0  # for a robot that is there to be found
GREETING_S = 0.5  # without an answer, after which it is repeated


class Saying:
    """One request, from the moment it is made."""

    def __init__(self, client: ActionClient, chunks: Any, goal: Say.Goal) -> None:
        self.speaking, self.heard_s = False, 0.0
        self.result: Say.Result | None = None  # once it is answered
        self._chunks = chunks
        self._handle: Any = None
        client.send_goal_async(goal, self._on_feedback).add_done_callback(self._on_accepted)

    @property
    def accepted(self) -> bool:
        """From when on chunks may be sent."""
        return self._handle is not None

    def send(self, samples: np.ndarray, rate: int, last: bool = False) -> None:
        """samples (n,) int16 at rate (Hz), the next of a stream."""
        data = array.array("h", samples.tobytes())
        self._chunks.publish(SayChunk(request=self._handle.goal_id, sample_rate=rate, samples=data, last=last))

    def cancel(self) -> None:
        self._handle.cancel_goal_async()

    def _on_accepted(self, future: Any) -> None:
        self._handle = future.result()
        self._handle.get_result_async().add_done_callback(self._on_result)

    def _on_feedback(self, message: Any) -> None:
        self.speaking, self.heard_s = message.feedback.speaking, message.feedback.heard_s

    def _on_result(self, future: Any) -> None:
        self.result = future.result().result
        self.heard_s = self.result.heard_s


def greeting(robot: ActionClient) -> Future:
    """Asks after a goal that nobody has made. Once that is answered the robot knows this client.

    That the robot is found does not mean that it has found the client, and what it answers to somebody unknown is thrown away
    (rmw_fastrtps, issue 842): it would speak for a client that waits for ever. Of all that the client hears by, what hears
    results is made known last: who gets this answer will get the others too.
    """
    return ClientGoalHandle(robot, UUID(uuid=list(uuid.uuid4().bytes)), None).get_result_async()


class SayClient(Visitor):
    def __init__(self, namespace: str) -> None:
        """Raises BadInputError, and NoRobotError if no robot is there."""
        super().__init__("say_client", namespace)
        self._stop = self.node.create_client(Trigger, "say/stop")
        self._chunks = self.node.create_publisher(SayChunk, "say/chunks", common.CHUNKS)
        self._action = ActionClient(self.node, Say, "say")
        give_up = time.monotonic() + PATIENCE_S
        while not self._acquainted():
            if time.monotonic() > give_up:
                raise NoRobotError(
                    f"no robot is there to speak (ROS domain and namespace {common.robot_id(self.node)}). "
                    "Start one: lipsync-robot bringup"
                )

    @property
    def connected(self) -> bool:
        return self._action.server_is_ready() and self._stop.service_is_ready() and self._chunks.get_subscription_count() > 0

    def _acquainted(self) -> bool:
        return self.until(lambda: self.connected, GREETING_S) and self.until(greeting(self._action).done, GREETING_S)

    def say(self, **goal: Any) -> Saying:
        """goal: fields of Say.Goal."""
        return Saying(self._action, self._chunks, Say.Goal(**goal))

    def stop(self) -> str:
        """Voids all that is being said or waits -> how much that was, in words. Raises NoRobotError."""
        answer = self._stop.call_async(Trigger.Request())
        if not self.until(answer.done, PATIENCE_S):
            raise NoRobotError("the robot does not answer any more.")
        return answer.result().message

    def close(self) -> None:
        self._action.destroy()
        super().close()


def connected(namespace: str = "") -> AbstractContextManager[SayClient]:
    """A client of the robot in a namespace, in a process that has no ROS 2 yet. Raises as SayClient does."""
    return visiting(lambda: SayClient(namespace))
