from lipsync_robot.nodes import reference
from lipsync_robot.resources import resource


def test_the_reference_is_what_the_nodes_say_of_themselves() -> None:
    written = resource("docs/reference.md").read_text()
    assert written == reference.page(), "run: python -m lipsync_robot.nodes.reference > docs/reference.md"
