"""What a process of ours writes to stderr: JSON lines, whoever has something to say."""

import json
import subprocess
import sys

PROGRAM = """
import logging, threading, warnings
from services.rpc import logs
logs.configure("scorer", "info")
import structlog
structlog.get_logger().info("ours", symbols=3)
thread = threading.Thread(target=structlog.get_logger().info, args=("in_a_thread",))
thread.start()
thread.join()
logging.getLogger("some.library").error("theirs %s", 1)
logging.getLogger("some.library").info("talk")
warnings.warn("old", DeprecationWarning, stacklevel=1)
raise ValueError("the end")
"""


def test_every_line_is_json_with_time_level_service_and_event() -> None:
    ran = subprocess.run([sys.executable, "-W", "default", "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert all({"timestamp", "level", "service", "event"} <= set(line) for line in lines)
    assert {line["service"] for line in lines} == {"scorer"}
    events = [line["event"] for line in lines]
    assert events == ["ours", "in_a_thread", "library", "library", "process_failed"]
    assert lines[2]["message"] == "theirs 1"
    assert "old" in lines[3]["message"]
    assert lines[-1]["exception"][0]["exc_value"] == "the end"
