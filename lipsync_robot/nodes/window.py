"""What the monitor shows, and where on the page it stands. The only file that imports rerun."""

import colorsys
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import BadInputError, LipsyncError
from ..face import landmarks as face
from ..resources import resource

try:
    import rerun as rr
    import rerun.blueprint as rrb
except ModuleNotFoundError as error:
    raise LipsyncError(
        f"the monitor needs Rerun, but {error.name} is not installed. "
        f"Run: {sys.executable} -m pip install -r {resource('requirements-monitor.txt')}"
    ) from None

# numpy below 2 lacks asarray(copy=...), by which 0.23.1 reads ranges, and then leaves them out of the page.
rr.datatypes.Range1D.__array__ = lambda self, dtype=None, copy=None: np.asarray(self.range, dtype)
rr.datatypes.TimeInt.__array__ = lambda self, dtype=None, copy=None: np.asarray(self.value, dtype)

TIMELINE = "stamp"
SHOWN_S = 10.0  # of the plots, up to now
PATIENCE_S = 120.0  # for the page to be served, which takes a second
LOCAL = "127.0.0.1"  # pictures of people leave the machine only by the owner's own doing
MOTORS = ("sent", "command", "measured")
LEVELS = (rr.TextLogLevel.INFO, rr.TextLogLevel.WARN, rr.TextLogLevel.ERROR, rr.TextLogLevel.WARN)  # OK, WARN, ERROR, STALE

SKIN, LIPS, EYES, BROWS = (150, 150, 150), (235, 90, 90), (90, 170, 255), (240, 190, 80)


def _ring(points: list[int]) -> list[int]:
    return [*points, points[0]]


CONTOURS = [  # FaceMesh's points in walking order, and their colour
    (_ring(face.UPPER_LIP_OUTER + face.LOWER_LIP_OUTER[-2:0:-1]), LIPS),
    (_ring(face.INNER_LIP_RING), LIPS),
    (_ring(face.EYE_RIGHT), EYES),
    (_ring(face.EYE_LEFT), EYES),
    (_ring(face.BROW_RIGHT[:5] + face.BROW_RIGHT[:4:-1]), BROWS),
    (_ring(face.BROW_LEFT[:5] + face.BROW_LEFT[:4:-1]), BROWS),
    (face.LOWER_OVAL, SKIN),
]
COLOURS = np.full((face.POINTS, 3), SKIN, np.uint8)
for _points, _colour in CONTOURS:
    COLOURS[_points] = _colour
STROKES = [colour for _, colour in CONTOURS]
ROWS = [[face.ROBOT.index(point) for point in points] for points, _ in CONTOURS]  # of the robot's 113


class Window:
    """One recording, on one timeline: `at` says for what moment the next entries stand."""

    def __init__(self, show: str, file: Path | None, web_port: int, memory_mb: int) -> None:
        """show: viewer, web or file; file: the .rrd to write; web_port: of the page, its data come through the next one;
        memory_mb: what viewer or server keep, then they drop the oldest. Raises BadInputError."""
        self.address = ""  # of the page
        self._server: subprocess.Popen | None = None
        self._stream = rr.RecordingStream("lipsync_robot")
        if show == "file":
            assert file
            self._stream.save(file)
        elif show == "web":
            self._serve(web_port, memory_mb)
        else:
            _need_screen()
            self._stream.spawn(memory_limit=f"{memory_mb}MB", hide_welcome_screen=True)
        self._stream.send_blueprint(_page())
        self._dress()

    def close(self) -> None:
        self._stream.disconnect()
        if self._server:
            with suppress(ProcessLookupError):  # gone by itself
                os.killpg(self._server.pid, signal.SIGTERM)  # Python's door to the server, and the server
            self._server.wait()

    def at(self, nanoseconds: int) -> None:
        """Since the epoch."""
        self._stream.set_time(TIMELINE, timestamp=np.datetime64(nanoseconds, "ns"))

    def picture(self, whose: str, jpeg: bytes) -> None:
        """whose: camera or twin."""
        self._stream.log(f"{whose}/picture", rr.EncodedImage(contents=jpeg, media_type="image/jpeg"))

    def human(self, points: np.ndarray) -> None:
        """points (468, 3) cm, metric face."""
        self._stream.log("human/points", rr.Points3D.from_fields(positions=points))
        self._stream.log("human/contours", rr.LineStrips3D([points[line] for line, _ in CONTOURS], colors=STROKES))

    def robot(self, points: np.ndarray) -> None:
        """points (113, 2) cm, metric face."""
        drawn = points * (1, -1)  # on a page y points down
        self._stream.log("robot/points", rr.Points2D.from_fields(positions=drawn))
        self._stream.log("robot/contours", rr.LineStrips2D([drawn[line] for line in ROWS], colors=STROKES))

    def sound(self, peaks: Iterable[tuple[int, float]]) -> None:
        """peaks: moments in ns since the epoch and the highest amplitude from then on, 0..1."""
        for moment, peak in peaks:
            self.at(moment)
            self._stream.log("sound/peak", rr.Scalars(peak))

    def motors(self, which: str, positions: Sequence[float]) -> None:
        """which: one of MOTORS; positions 0..1."""
        self._stream.log(f"motors/{which}", rr.Scalars(positions))

    def name_motors(self, names: Sequence[str]) -> None:
        for which in MOTORS:
            self._stream.log(f"motors/{which}", rr.SeriesLines(names=names, colors=_hues(len(names))), static=True)

    def latency(self, topic: str, seconds: float) -> None:
        self._stream.log(f"latency/{topic}", rr.Scalars(1000 * seconds))

    def name_latencies(self, topics: Sequence[str]) -> None:
        for topic, colour in zip(topics, _hues(len(topics)), strict=True):
            self._stream.log(f"latency/{topic}", rr.SeriesLines(names=topic, colors=colour), static=True)

    def say(self, who: str, level: int, what: str) -> None:
        """level: as DiagnosticStatus has it."""
        self._stream.log("diagnostics", rr.TextLog(f"{who}: {what}", level=LEVELS[min(level, len(LEVELS) - 1)]))

    def _dress(self) -> None:
        """Looks that do not change with time."""
        self._stream.log("human", rr.ViewCoordinates.RIGHT_HAND_Y_UP, static=True)
        self._stream.log("human/points", rr.Points3D.from_fields(colors=COLOURS, radii=0.06), static=True)
        self._stream.log("robot/points", rr.Points2D.from_fields(colors=COLOURS[face.ROBOT], radii=0.06), static=True)
        self._stream.log("sound/peak", rr.SeriesLines(names="peak amplitude", colors=LIPS), static=True)

    def _serve(self, web_port: int, memory_mb: int) -> None:
        """A server of its own: rerun's, within this process, would listen to the whole network."""
        data_port = web_port + 1
        for port in (web_port, data_port):
            _need_port(port)
        command = [sys.executable, "-m", "rerun", "--serve-web", "--bind", LOCAL, "--port", str(data_port)]
        command += ["--web-viewer-port", str(web_port), "--server-memory-limit", f"{memory_mb}MB"]
        nowhere = subprocess.DEVNULL
        self._server = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, start_new_session=True)  # this one ends it
        give_up = time.monotonic() + PATIENCE_S
        while not all(_listens(port) for port in (web_port, data_port)):
            if self._server.poll() is not None or time.monotonic() > give_up:
                self.close()
                raise LipsyncError(f"rerun does not serve on port {web_port}. See what it says to: {' '.join(command)}")
            time.sleep(0.1)
        self._stream.connect_grpc(f"rerun+http://{LOCAL}:{data_port}/proxy")
        self.address = f"http://{LOCAL}:{web_port}/?url=rerun%2Bhttp%3A%2F%2F{LOCAL}%3A{data_port}%2Fproxy"


def _need_screen() -> None:
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise BadInputError("there is no screen for a viewer: show a web page (--web), or write a file (--save).")


def _need_port(port: int) -> None:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOCAL, port))
        except OSError as error:
            raise BadInputError(f"port {port} cannot be had ({error.strerror}): name another with the next one free.") from None


def _hues(count: int) -> list[tuple[int, ...]]:
    """So many colours that are told apart."""
    return [tuple(round(255 * part) for part in colorsys.hsv_to_rgb(k / count, 0.6, 1.0)) for k in range(count)]


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((LOCAL, port)) == 0


def _page() -> rrb.Blueprint:
    recent = rrb.VisibleTimeRange(
        TIMELINE, start=rrb.TimeRangeBoundary.cursor_relative(seconds=-SHOWN_S), end=rrb.TimeRangeBoundary.cursor_relative()
    )
    whole = rrb.VisualBounds2D(x_range=[-9, 9], y_range=[-7, 11])  # cm
    legend = rrb.PlotLegend(corner=rrb.Corner2D.LeftTop)  # what is new comes from the right
    series = [
        rrb.TimeSeriesView(
            origin=f"motors/{which}",
            name=f"motors: {which}",
            time_ranges=recent,
            axis_y=rrb.ScalarAxis(range=(0, 1)),
            plot_legend=legend,
        )
        for which in MOTORS
    ]
    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(
                rrb.Spatial2DView(origin="camera", name="camera"),
                rrb.Spatial3DView(origin="human", name="human landmarks"),
                rrb.Spatial2DView(origin="robot", name="robot landmarks", visual_bounds=whole),
                rrb.Spatial2DView(origin="twin", name="twin"),
            ),
            rrb.Horizontal(
                rrb.Vertical(
                    rrb.TimeSeriesView(origin="sound", name="sound", time_ranges=recent),
                    rrb.TimeSeriesView(origin="latency", name="latency, ms", time_ranges=recent, plot_legend=legend),
                ),
                rrb.Vertical(rrb.Tabs(*series), rrb.TextLogView(origin="diagnostics", name="diagnostics"), row_shares=[3, 1]),
            ),
        ),
        collapse_panels=True,
    )
