"""Motor commands -> the wire, each when its sound is heard.

motor/command, audio/void -> [motor_driver] -> motor/sent, motor/measured, motor/stopped, serial

A managed node: configured it has the bus, active it moves, and whatever ends that leaves the face at neutral: limp, but for a
Maestro that is left for good, whose own timeout would only stiffen it again.
"""

import array
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from lipsync_robot.msg import MotorCommand

from ..motors import buses, description, ports
from ..motors.bus import Health
from ..motors.driver import Driver
from ..motors.schedule import Pose
from ..motors.statistics import Punctuality
from . import common, precedence
from .common import parameter
from .diagnostics import Condition
from .emergency_stop import HELD, EmergencyStop
from .void import Void

RECENT = 1500  # poses that the diagnostics tell the ages of: half a minute of speech
DONE = TransitionCallbackReturn.SUCCESS


@dataclass
class Params:
    robot: str = parameter("robots/twin.yaml", "The robot's description")
    port: str = parameter("twin", "Serial port of the servo controller, or `twin`")
    autostart: bool = parameter(True, "Configure and activate at once, without a manager that says so")
    rate_hz: float = parameter(100.0, "How often positions are sent while the face moves, at the least", 40.0, 400.0)
    playback_delay_s: float = parameter(0.15, "Sound is heard this long after its stamp; the same as speaker's", 0.0, 5.0)
    deadline_s: float = parameter(0.02, "A pose sent later than this after it was due counts as missed", 0.001, 1.0, True)
    thread_priority: int = parameter(
        precedence.USUAL, "Real-time priority of the node's thread, where its user may; 0 for none", 0, precedence.MOST
    )


class MotorDriverNode(common.Managed):
    """`driver` does the work, on a steady clock; what shares a process with the node may ask it how it stands."""

    def __init__(self) -> None:
        super().__init__("motor_driver")
        self._params = self.declare(Params)
        self._robot = description.load(common.shared_file(self._params.robot))
        self._frame_s, self._answer_s = buses.frame_s(self._robot), buses.answer_s(self._robot)
        if slow := buses.too_slow(self._robot, self._params.rate_hz):
            rate = f"rate_hz is {self._params.rate_hz:g}"
            raise common.ParameterError(f"node motor_driver: {rate}, but {slow}. Lower rate_hz, or raise baud.")
        port = str(ports.resolve(self._params.port, common.robot_id(self)))
        if self._robot.simulated and ports.is_real(port):
            raise common.ParameterError(f"node motor_driver: port is {port}, but robot the twin's: name its own file.")
        self.driver = Driver(self._robot, lambda: buses.open_bus(self._robot, port), time.monotonic())
        self.punctuality = Punctuality(self._params.deadline_s)
        self._claim = common.only_one(self)
        self._said, self._ticked = "", 0.0
        self._came = self._next = 0.0  # when the last command that was sent at once came, and when another may
        self._told: Health | None = None
        self._sent = self.create_publisher(JointState, "motor/sent", common.MOTION)
        self._measured = self.create_publisher(JointState, "motor/measured", common.MOTION)
        self._stopped = self.create_publisher(Bool, "motor/stopped", common.STATE)
        self._stopped.publish(Bool(data=False))
        self._stop = EmergencyStop(self, self._freeze)
        self._void = Void(self, self._go_home_at_once)
        self.create_subscription(MotorCommand, "motor/command", self._on_command, common.MOTION)
        self._timer = self.create_timer(1 / self._params.rate_hz, self._on_time)
        self._timer.cancel()  # until it is configured
        self._offer("reset", lambda _: self._thaw())
        self._offer("go_home", lambda _: self._go_home_at_once())
        self._offer("reboot", lambda driver: driver.reboot())
        self.create_service(SetBool, "motor/torque", self._on_torque)
        self._priority = precedence.take(self._params.thread_priority)
        if self._params.autostart:
            self.trigger_configure()
            self.trigger_activate()

    @property
    def playback_delay_s(self) -> float:
        return self._params.playback_delay_s

    @property
    def held_back_s(self) -> float:
        """From a pose's stamp to the moment it is due; never before its sound or picture."""
        return max(0.0, self._params.playback_delay_s - self._robot.servo_lag_s)

    @property
    def missed(self) -> int:
        """Commands that did not reach the wire in time."""
        return self.punctuality.missed(self.driver.pending)

    def changed(self) -> None:
        self.punctuality.deadline_s = self._params.deadline_s

    def condition(self) -> Condition:
        driver, configured = self.driver, not self._timer.is_canceled()
        wrong = driver.faults(time.monotonic()) if configured else ["not configured"]
        if driver.guard.stopped:
            wrong.append(f"emergency stop: {HELD}")
        ages = self.punctuality.summary(RECENT)
        figures: dict[str, float | str] = {**ages, "missed": self.missed, "refused": driver.guard.rejected, **driver.counts}
        figures |= {key.replace("wire", "latency"): age for key, age in ages.items() if key.startswith("wire")}
        figures["thread priority"] = self._priority
        figures["dropped"] = self.punctuality.expired
        if driver.health is not None:
            warm = zip(self._robot.names, driver.health.temperature, strict=True)
            figures |= {f"temperature {name}": degrees for name, degrees in warm if np.isfinite(degrees)}
        return Condition(
            wrong=wrong,
            doubtful=[] if driver.fail_safe else [buses.NO_FAIL_SAFE],
            well="sending" if driver.started else "not active",
            figures=figures,
            hardware=self._robot.name,
        )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Opens the bus, now or as soon as there is one: it takes a while, which motion had better not wait for."""
        self._tick()
        self._timer.reset()
        return DONE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self.driver.guard.stopped:
            self.get_logger().error(f"not activated: emergency stop: {HELD}")
            return TransitionCallbackReturn.FAILURE
        self.driver.start()
        return DONE

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Eases the face to neutral, then takes the torque off."""
        self._go_home()
        self.driver.stop()
        if self.driver.connected:
            self._tick()
        return DONE

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._timer.cancel()
        self.driver.close()
        return DONE

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._go_home()
        self._timer.cancel()
        self.driver.leave()
        return DONE

    def destroy_node(self) -> None:
        if hasattr(self, "_claim"):
            self._go_home()
            self.driver.leave()
            self._stop.close()
            self._claim.close()
            precedence.take(0)  # what comes after, such as a film, can wait
        super().destroy_node()

    def _freeze(self) -> None:
        """By the emergency stop's own thread."""
        self.driver.guard.emergency_stop()
        self._stopped.publish(Bool(data=True))

    def _thaw(self) -> None:
        self.driver.guard.reset(time.monotonic())
        self._stopped.publish(Bool(data=False))

    def _go_home_at_once(self) -> None:
        self.driver.go_home()
        self._hurry()

    def _go_home(self) -> None:
        self.driver.end()
        give_up = time.monotonic() + self.driver.longest_way_home_s
        while not (self.driver.at_rest(now := time.monotonic()) or self.driver.guard.stopped) and now < give_up:
            time.sleep(1 / self._params.rate_hz)
            self._tick()

    def _offer(self, name: str, act: Callable[[Driver], bool | None]) -> None:
        """A service motor/<name> without arguments; False is a refusal, for want of a bus."""

        def serve(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            response.success = act(self.driver) is not False
            response.message = "" if response.success else self.driver.fault or "not configured"
            return response

        self.create_service(Trigger, f"motor/{name}", serve)

    def _on_torque(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.driver.torque(request.data)
        response.success = True
        return response

    def _on_command(self, message: MotorCommand) -> None:
        stamp, now = common.seconds(message.header.stamp), time.monotonic()
        if stamp in self._void:
            return
        age = self.now() - stamp
        due = now - age + self.held_back_s
        expires = due + message.lifetime.sec + message.lifetime.nanosec * 1e-9
        if not self.driver.command(Pose(due, expires, stamp, np.asarray(message.positions, float)), now):
            self.punctuality.expired += 1
            return
        self.punctuality.arrived(age)
        if due <= now:  # waits for no tick; the line is given the time that the last frame takes
            self._came, self._next = now, now + (now - self._came)
            if (busy_s := self._ticked + self._takes_s(self.driver.awaits_answer) - now) > 0:
                time.sleep(busy_s)
            self._tick()
        if not self.driver.resting:
            self._hurry()

    def _on_time(self) -> None:
        """Leaves out the frame that would follow upon a command that was sent at once, or say the same again, or hold up the
        next one, if that comes at the pace of those before."""
        now, period = time.monotonic(), 1 / self._params.rate_hz
        following = now + 1e-9 * self._timer.time_until_next_call()  # settled; the pause after it is not
        pause = self.driver.pause(following, self._takes_s(self.driver.asks(following)), period)
        self._timer.timer_period_ns = round(1e9 * pause)
        near = self._frame_s + self._takes_s(self.driver.asks(now))
        free = now - self._ticked >= self._takes_s(self.driver.awaits_answer)
        if free and now - self._came > max(pause, period) / 2 and abs(now - self._next) > near:
            self._tick()
            if not self.driver.resting:  # it has been held for long enough, and eases home
                self._hurry()

    def _takes_s(self, asks: bool) -> float:
        """For how long the line is taken by a tick that asks, or does not."""
        return self._frame_s + self._answer_s * asks

    def _hurry(self) -> None:
        """Goes on at the pace of a face that moves."""
        period_ns = round(1e9 / self._params.rate_hz)
        if self._timer.timer_period_ns > period_ns and not self._timer.is_canceled():
            self._timer.timer_period_ns = period_ns
            self._timer.reset()  # which wakes the executor once more: not for every command

    def _tick(self) -> None:
        now = self._ticked = time.monotonic()
        sent = self.driver.tick(now)
        if self.driver.fault != self._said:
            self._said = self.driver.fault
            if self._said:
                self.get_logger().error(self._said)
            else:
                self.get_logger().info("connected")
        if self.driver.health is not self._told:
            self._told = self.driver.health
            self._tell(self._told)
        if sent is None:
            return
        wired = self.now()
        if sent.pose is not None:
            late = time.monotonic() - sent.pose.due
            self.punctuality.sent(sent.pose.stamp, wired - sent.pose.stamp, late)
        message = JointState(name=self._robot.names, position=array.array("d", sent.positions))
        # The sound behind this motion; the guard's own motion, on the way home, has no other moment than now.
        message.header.stamp = common.to_stamp(sent.pose.stamp if sent.pose else wired)
        self._sent.publish(message)

    def _tell(self, health: Health | None) -> None:
        """What the servos measure of themselves, where they can."""
        if health is None or not np.isfinite(health.positions).any():
            return
        position = array.array("d", self._robot.positions(health.positions))
        message = JointState(name=self._robot.names, position=position, effort=array.array("d", health.load))
        message.header.stamp = common.to_stamp(self.now())
        self._measured.publish(message)


main = common.run(MotorDriverNode)
