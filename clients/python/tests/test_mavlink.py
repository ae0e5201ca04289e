"""Frames of `--mavlink`, read by pymavlink."""

import math
import os
from pathlib import Path

os.environ["MAVLINK20"] = "1"

from pymavlink.dialects.v20 import common  # noqa: E402

FRAMES = Path(__file__).parents[2] / "vectors" / "mavlink.bin"


def test_a_camera_says_what_it_tracks():
    link = common.MAVLink(None)
    # As mavutil has it for a serial line, where posewire's first bytes are of no frame.
    link.robust_parsing = True
    messages = link.parse_buffer(b"\xff\xff\xff\xff\x00" + FRAMES.read_bytes())
    heartbeat, *found = [message for message in messages if message.get_type() != "BAD_DATA"]
    assert heartbeat.get_type() == "HEARTBEAT"
    assert heartbeat.type == common.MAV_TYPE_CAMERA
    assert heartbeat.autopilot == common.MAV_AUTOPILOT_INVALID
    assert (heartbeat.get_srcSystem(), heartbeat.get_srcComponent()) == (7, common.MAV_COMP_ID_CAMERA)
    assert [message.get_seq() for message in found] == [1, 2, 3, 4, 5]
    assert {message.get_type() for message in found} == {"CAMERA_TRACKING_IMAGE_STATUS"}
    active, coasting = common.CAMERA_TRACKING_STATUS_FLAGS_ACTIVE, 8
    idle, error = common.CAMERA_TRACKING_STATUS_FLAGS_IDLE, common.CAMERA_TRACKING_STATUS_FLAGS_ERROR
    assert [message.tracking_status for message in found] == [active, active, active | coasting, idle, error]
    hand = found[0]
    assert hand.tracking_mode == common.CAMERA_TRACKING_MODE_RECTANGLE
    assert hand.target_data == common.CAMERA_TRACKING_TARGET_DATA_IN_STATUS
    box = (hand.rec_top_x, hand.rec_top_y, hand.rec_bottom_x, hand.rec_bottom_y)
    assert box == (0.25, 0.25, 0.75, 0.5)
    assert found[1].rec_top_x == 0.5
    assert math.isnan(hand.point_x) and math.isnan(hand.radius)
    assert found[3].tracking_mode == common.CAMERA_TRACKING_MODE_NONE and math.isnan(found[3].rec_top_x)
