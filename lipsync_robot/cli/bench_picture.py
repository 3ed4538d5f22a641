"""Where the time goes between sound and servo, drawn: the stages of a pose, and how late poses are under each arrangement."""

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = "#ffffff", "#202020", "#d8d8d8"
COLOURS = ("#8fb3d9", "#5b8cc0", "#d6541f", "#e59a6f", "#303030")
SIZE, LEFT, RIGHT = (1200, 520), 260, 60  # pixels
BAR = 34
NAMES = {
    "audio": "source",
    "human/landmarks": "audio2landmark",
    "robot/landmarks": "retarget",
    "motor/command": "inverse model",
    "motor/sent": "driver, wire",
}


def draw(path: Path, figures: dict[str, Any]) -> None:
    """Writes a PNG."""
    image = Image.new("RGB", SIZE, PAPER)
    brush = ImageDraw.Draw(image)
    rows = {
        "one process": figures["composed"],
        "a process each": figures["processes"],
        "SingleThreadedExecutor": figures["executors"]["SingleThreadedExecutor"],
        "MultiThreadedExecutor": figures["executors"]["MultiThreadedExecutor"],
    }
    tops = [row["latency_ms"]["p999"] for row in rows.values() if row]
    most = 5 * (int(max(tops)) // 5 + 1)  # ms

    def x(ms: float) -> float:
        return LEFT + ms / most * (SIZE[0] - LEFT - RIGHT)

    ahead = f"{figures['lookahead_ms']:.0f} ms of look-ahead"
    title = f"from the last sample a pose was made of to the first byte on the wire, beyond {ahead}"
    brush.text((LEFT, 24), title, INK, _font(16))
    at = 70.0
    brush.text((LEFT - 12, at + BAR / 2), "stages, median", INK, _font(16), anchor="rm")
    begin = 0.0
    for colour, took in zip(COLOURS, figures["stages_ms"].values(), strict=True):
        brush.rectangle((x(begin), at, x(begin + took["p50"]), at + BAR), colour)
        begin += took["p50"]
    legend = float(LEFT)
    for colour, stage in zip(COLOURS, figures["stages_ms"], strict=True):
        words = f"{NAMES[stage]} {figures['stages_ms'][stage]['p50']:.1f} ms"
        brush.rectangle((legend, at + BAR + 14, legend + 12, at + BAR + 26), colour)
        brush.text((legend + 18, at + BAR + 20), words, INK, _font(14), anchor="lm")
        legend += 34 + brush.textlength(words, _font(14))
    at += 120
    for ms in range(0, most + 1, 5):
        brush.line((x(ms), at - 10, x(ms), SIZE[1] - 50), FAINT)
        brush.text((x(ms), SIZE[1] - 34), f"{ms} ms", INK, _font(14), anchor="mm")
    for name, row in rows.items():
        if row is None:
            brush.text((LEFT - 12, at + BAR / 2), name, INK, _font(16), anchor="rm")
            brush.text((LEFT, at + BAR / 2), "falls behind until nothing is in time", INK, _font(14), anchor="lm")
            continue
        late, middle = row["latency_ms"], at + BAR / 2
        brush.text((LEFT - 12, middle), name, INK, _font(16), anchor="rm")
        brush.line((x(late["p50"]), middle, x(late["p999"]), middle), COLOURS[0], 4)
        for key, colour in (("p999", COLOURS[0]), ("p99", COLOURS[1]), ("p50", COLOURS[2])):
            brush.ellipse((x(late[key]) - 6, middle - 6, x(late[key]) + 6, middle + 6), colour)
        ages = "   ".join(f"{name} {late[key]:.1f}" for name, key in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999")))
        words = f"{ages}   CPU {row['cpu_percent_of_one_core']:.0f} %"
        brush.text((SIZE[0] - RIGHT, middle + 22), words, INK, _font(13), anchor="rm")
        at += 68
    image.save(path)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
