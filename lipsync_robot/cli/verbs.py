"""All verbs of `lipsync-robot`, and what its help says first."""

import typer

from . import (
    babble,
    bench,
    bringup,
    calibrate,
    calibrate_sync,
    data,
    doctor,
    evaluate,
    evaluate_robot,
    find_port,
    learning,
    mimic,
    monitor,
    motors,
    predictor,
    record,
    replay,
    say,
    speak,
    status,
    study,
)

app = typer.Typer(
    help="Real-time control of animatronic faces: a face speaks in sync with the sound, with or without a robot.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("speak")(speak.speak)
app.command("bringup")(bringup.bringup)
app.command("say")(say.say)
app.command("mimic")(mimic.mimic)
app.command("coexpress")(mimic.coexpress)
app.command("record")(record.record)
app.command("replay")(replay.replay)
app.command("monitor")(monitor.monitor)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.command("find-port")(find_port.find_port)
app.command("bench")(bench.bench)
app.command("babble")(babble.babble)
app.command("export")(learning.export_run)
app.command("adapt")(learning.adapt)
calibrate.app.command("sync")(calibrate_sync.sync)
evaluate.app.command("robot")(evaluate_robot.robot)
evaluate.app.command("inverse")(evaluate_robot.inverse)
evaluate.app.command("predictor")(predictor.evaluate)
learning.train.command("predictor")(predictor.train)
app.add_typer(motors.app, name="motors")
app.add_typer(calibrate.app, name="calibrate")
app.add_typer(data.data, name="data")
app.add_typer(learning.train, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(study.app, name="study")
