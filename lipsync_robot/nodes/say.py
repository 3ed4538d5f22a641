"""Files, texts and streams of sound, one after the other.

say, say/chunks, say/stop, motor/stopped -> [say] -> audio, audio/void

Sound leaves in blocks of one hop in real time, as from a microphone. A request is said once the one before was heard.
"""

import array
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from std_msgs.msg import Bool, Header
from std_srvs.srv import Trigger

from lipsync_robot.action import Say
from lipsync_robot.msg import Audio, SayChunk

from ..audio import files, tts
from ..audio.chunks import ChunkError, Chunks
from ..audio.feed import Feed
from ..audio.mel import HOP, SAMPLE_RATE
from ..audio.pacing import HOP_S, Pace
from . import common
from .common import parameter

TAIL_S = 0.6  # of silence after the last sound, in which the mouth closes
SILENCE = np.zeros(HOP, np.int16)
SETTLED_S = 0.5  # after everybody listens: two ends of a topic do not find each other in the same instant
FEEDBACK_S = 0.1
LAST_S = 0.5  # in which the last results reach those who wait for them: DDS throws away what a node that has gone sent last
KEPT_S = 60  # that a result can still be asked for
FROZEN = "emergency stop: the motors are frozen until motor/reset (lipsync-robot motors reset)."


@dataclass
class Params:
    tts: str = parameter("", "Command that reads a text, or takes it as {text}, and writes a WAV; empty for what is installed")
    patience_s: float = parameter(10.0, "A request that brings no sound for so long is given up", 0.1, 600.0)
    playback_delay_s: float = parameter(0.15, "Sound is heard this long after its stamp", 0.0, 5.0)
    await_chain: bool = parameter(True, "Speak only while every arrow from sound to motor has somebody at its end")


class Request:
    """A goal until it is answered."""

    def __init__(self, goal: ServerGoalHandle) -> None:
        self.goal = goal
        self.chunks = Chunks() if goal.request.stream else None
        self.feed: Feed | None = None  # until it is its turn
        self.completed, self.message, self.heard_s = False, "", 0.0
        self.lively = 0.0  # when sound of it came last, by the monotonic clock
        self._ends: deque[float] = deque()  # when the blocks that were said will have been heard, s since the epoch

    @property
    def id(self) -> bytes:
        return bytes(self.goal.goal_id.uuid)

    @property
    def over(self) -> bool:
        """Whether all of it was heard."""
        return self.feed is not None and self.feed.over and not self._ends

    def begin(self, template: str) -> None:
        """Has its sound made from now on; template: the command for a text."""
        asked, self.lively = self.goal.request, time.monotonic()
        if self.chunks is not None:
            self.feed = Feed(iter(self.chunks), self.chunks.end)
        elif asked.file:
            self.feed = Feed(files.decode(Path(asked.file)))
        else:
            speech = tts.Speech(template, asked.text)
            self.feed = Feed(iter(speech), speech.close)

    def said(self, end: float) -> None:
        """A block was sent, and will have been heard at that moment."""
        self._ends.append(end)
        self.lively = time.monotonic()

    def hear(self, now: float, delay: float) -> None:
        """Counts what was heard by now. What is further off than the delay was sent before the clock was set back."""
        while self._ends and not now < self._ends[0] <= now + delay + HOP_S:
            self._ends.popleft()
            self.heard_s += HOP_S


class SayNode(common.Configured):
    """Every goal is accepted and gets one result: a rejection could not say why."""

    def __init__(self) -> None:
        super().__init__("say")
        self._params = self.declare(Params)
        if self._params.tts:
            tts.command(self._params.tts)  # so that an unusable one is an error now
        self._requests: deque[Request] = deque()  # the first one is being said
        self._answered: dict[bytes, Request] = {}  # until their results are on their way
        self._pace = Pace()
        self._quiet_s = 0.0  # since the last sound
        self._alone = self._told = 0.0  # when somebody was missing, and when feedback was given last
        self._frozen = False  # the motors, by an emergency stop
        self._audio = self.create_publisher(Audio, "audio", common.SOUND)
        self._void = self.create_publisher(Header, common.VOID, common.MOTION)
        self.create_subscription(SayChunk, "say/chunks", self._on_chunk, common.CHUNKS)
        self.create_subscription(Bool, "motor/stopped", self._on_stopped, common.STATE)
        self.create_service(Trigger, "say/stop", self._on_stop)
        self._timer = self.create_timer(HOP_S / 2, self._tick)
        self._server = ActionServer(
            self,
            Say,
            "say",
            self._result,
            handle_accepted_callback=self._on_request,
            cancel_callback=self._on_cancel,
            result_timeout=KEPT_S,
        )

    def destroy_node(self) -> None:
        if hasattr(self, "_server"):
            if self.context.ok() and self.executor is not None and self._requests:
                self._recall("the robot is being switched off.")
                gone_at = time.monotonic() + LAST_S
                while (left := gone_at - time.monotonic()) > 0:
                    self.executor.spin_once(left)
            for request in self._requests:
                if request.feed is not None:
                    request.feed.close()
            self._server.destroy()
        super().destroy_node()

    def _on_request(self, goal: ServerGoalHandle) -> None:
        request, asked = Request(goal), goal.request
        if bool(asked.file) + bool(asked.text.strip()) + asked.stream != 1:
            self._requests.append(request)
            self._answer(request, "there is nothing to say, or too much: give one of file, text and stream.")
            return
        if asked.interrupt and self._requests:
            self._recall("interrupted by a newer request.")
        self._requests.append(request)
        if self._frozen and self.count_publishers("motor/stopped"):  # not by a driver that has gone
            self._answer(request, FROZEN)
            return
        self._tell(request)
        self._timer.reset()
        self._tick()

    def _on_stopped(self, stopped: Bool) -> None:
        self._frozen = stopped.data
        if self._frozen and self._requests:
            self._recall(FROZEN)

    def _on_chunk(self, chunk: SayChunk) -> None:
        request = self._waiting(bytes(chunk.request.uuid))
        if request is None or request.chunks is None:  # of a request that has been answered
            return
        try:
            request.chunks.add(np.frombuffer(chunk.samples, np.int16), chunk.sample_rate)
        except ChunkError as error:
            self._drop(request, str(error))
            return
        request.lively = time.monotonic()
        if chunk.last:
            request.chunks.end()

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        request = self._waiting(bytes(goal.goal_id.uuid))
        if request is None:
            return CancelResponse.REJECT
        self._drop(request, "cancelled.")
        return CancelResponse.ACCEPT

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, f"{len(self._requests)} requests are void"
        self._recall("stopped.")
        return response

    def _waiting(self, id: bytes) -> Request | None:
        return next((request for request in self._requests if request.id == id), None)

    def _tick(self) -> None:
        now = self.now()
        if self._requests:
            self._attend(self._requests[0], now)
        self._speak(now)
        if not self._requests and self._pace.next is None:
            self._timer.cancel()  # until there is something to say

    def _attend(self, request: Request, now: float) -> None:
        """Begins a request, follows how it is heard, and ends it."""
        if request.feed is None:
            request.begin(self._params.tts)
        assert request.feed is not None
        request.hear(now, self._params.playback_delay_s)
        waited = time.monotonic()
        if self._pace.next is None and request.feed.ready and self._is_heard(waited):
            self._pace.start(now)
        if waited - self._told >= FEEDBACK_S:
            self._tell(request)
        if request.over:
            request.completed = not request.feed.error
            self._answer(request, request.feed.error)
        elif waited - request.lively > self._params.patience_s and not request.feed.over:
            nobody = "nobody hears it: are audio2landmark, retarget, inverse_model and motor_driver running?"
            self._answer(request, nobody if request.feed.ready else f"no sound came for {self._params.patience_s:g} s.")

    def _speak(self, now: float) -> None:
        """Publishes what is due."""
        for moment in self._pace.due(now):
            request = self._requests[0] if self._requests else None
            block = request.feed.take() if request and request.feed else None
            if request and block is not None:
                request.said(moment + HOP_S + self._params.playback_delay_s)
            self._quiet_s = 0.0 if block is not None else self._quiet_s + HOP_S
            if self._quiet_s > TAIL_S:
                self._pace.stop()
                return
            samples = SILENCE if block is None else block
            message = Audio(sample_rate=SAMPLE_RATE, samples=array.array("h", samples.tobytes()))
            message.header.stamp = common.to_stamp(moment)
            self._audio.publish(message)

    def _is_heard(self, now: float) -> bool:
        """Whether whoever is to hear this has been there for a while; now: by the monotonic clock."""
        if self._params.await_chain and not self.heard_to_the_end(self._audio):
            self._alone = now
        return now - self._alone >= SETTLED_S

    def _tell(self, request: Request) -> None:
        self._told = time.monotonic()
        request.goal.publish_feedback(Say.Feedback(speaking=request.feed is not None, heard_s=request.heard_s))

    def _call_back(self) -> None:
        """Makes void what was sent and is not heard yet: its stamps are a block or more ago, those of what follows are not."""
        self._pace.stop()
        self._void.publish(Header(stamp=common.to_stamp(self.now() - HOP_S / 2)))

    def _recall(self, why: str) -> None:
        """Ends everything that is being said or waits."""
        self._call_back()
        while self._requests:
            self._answer(self._requests[0], why)

    def _drop(self, request: Request, why: str) -> None:
        """Ends one request, wherever in the queue it is."""
        if request.feed is not None:
            self._call_back()
        self._answer(request, why)

    def _answer(self, request: Request, message: str) -> None:
        """Has the result sent. Only now is the goal executed, in rclpy's words: a coroutine that waited would be polled."""
        request.hear(self.now(), self._params.playback_delay_s)
        request.message = message
        self._requests.remove(request)
        if request.feed is not None:
            request.feed.close()
        self._answered[request.id] = request
        request.goal.execute()

    def _result(self, goal: ServerGoalHandle) -> Say.Result:
        request = self._answered.pop(bytes(goal.goal_id.uuid))
        if request.completed:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return Say.Result(completed=request.completed, message=request.message, heard_s=request.heard_s)


main = common.run(SayNode)
