"""Packets of the vectors, and changed ones, as messages."""

import dataclasses
import math
import struct
from pathlib import Path

import pytest
from posewire import BODY_JOINTS, Flags, Instances, Joint, Packet, decode
from posewire_ros import convert, messages
from posewire_ros.capture_time import WINDOW_US, CaptureClock

VECTORS = Path(__file__).parents[2] / "vectors" / "wire.txt"
HEADER = messages.Header(messages.Time(5, 6), "camera")


def packet_of(kind: str) -> Packet:
    """The first packet of a kind in the vectors."""
    lines = VECTORS.read_text().splitlines()
    step = next(step for step, event in zip(lines, lines[1:]) if event.startswith(f"= {kind} flags="))
    return decode(bytes.fromhex(step.split(" ")[2]))


def joint(x=None, y=None, score=0.5, held=False) -> Joint:
    return Joint(x, y, score, held, (0, 0, 0))


def body(joints, **changes) -> convert.Seen:
    return dataclasses.replace(convert.Seen(3, 7, 2, 0, 2, tuple(joints), 640, 480), **changes)


def full_body(**named) -> convert.Seen:
    return body(named.get(name, joint()) for name in BODY_JOINTS)


def test_only_what_a_robot_may_act_on_is_seen():
    packet = dataclasses.replace(packet_of("keypoints"), flags=Flags.TRACKING, age_us=50_000)
    see = lambda changed, limit=100_000, age=50_000: [seen.number for seen in convert.seen(changed, limit, age)]
    assert see(packet) == [0]
    assert see(packet, limit=49_999) == []
    # It was 51 ms on its way.
    assert see(packet, age=101_000) == []
    for bad in (Flags.LOST, Flags.STALE):
        assert see(dataclasses.replace(packet, flags=bad)) == []
    assert see(dataclasses.replace(packet, age_us=None)) == []
    assert see(packet_of("heartbeat")) == see(packet_of("stats")) == []


def test_an_instance_is_seen_if_the_network_saw_it_lately():
    packet = packet_of("instances")
    first = dataclasses.replace(packet.instances[0], state=1, look_age_ms=0)
    others = [dict(number=2, state=2), dict(number=3, state=3), dict(number=4, look_age_ms=100), dict(number=5)]
    several = (first, *(dataclasses.replace(first, **change) for change in others))
    packet = dataclasses.replace(
        packet, age_us=20_000, flags=Flags(0), body=Instances(5, 0, 0, 1, several)
    )
    found = list(convert.seen(packet, 100_000, 20_000))
    assert [seen.number for seen in found] == [first.number, 5]
    assert found[0].joints == first.joints
    assert list(convert.seen(dataclasses.replace(packet, flags=Flags.STALE), 100_000, 20_000)) == []


def test_the_skeleton_has_openposes_joints():
    places = {name: joint(10.0 * index, 20.0 * index) for index, name in enumerate(BODY_JOINTS)}
    points = convert.skeleton(full_body(**places), HEADER).skeleton
    assert len(points) == 18
    # By the numbers of hri_msgs/Skeleton2D.
    expected = {
        1: "thorax", 2: "right_shoulder", 3: "right_elbow", 4: "right_wrist", 5: "left_shoulder", 6: "left_elbow",
        7: "left_wrist", 8: "right_hip", 9: "right_knee", 10: "right_ankle", 11: "left_hip", 12: "left_knee",
        13: "left_ankle",
    }  # fmt: skip
    for index, point in enumerate(points):
        if index in expected:
            place = places[expected[index]]
            assert point.x == pytest.approx((place.x_px + 0.5) / 640)
            assert point.y == pytest.approx((place.y_px + 0.5) / 480)
            assert point.c == 0.5
        else:
            assert point == messages.NormalizedPointOfInterest2D(0.0, 0.0, 0.0)


def test_a_joint_outside_of_the_picture_is_missing_and_all_values_are_normalized():
    edge = dict(right_wrist=joint(-0.5, 479.5, 1.2), left_wrist=joint(639.6, 10.0), left_hip=joint(5.0, -1.0))
    points = convert.skeleton(full_body(**edge), HEADER).skeleton
    assert points[4] == messages.NormalizedPointOfInterest2D(0.0, 1.0, 1.0)
    assert points[7] == points[11] == messages.NormalizedPointOfInterest2D()


def test_only_bodies_of_mpii_are_skeletons():
    assert convert.skeleton(body([joint()] * 16, joint_table=255), HEADER) is None
    assert convert.skeleton(body([joint()] * 21, joint_table=1, task=1), HEADER) is None
    assert convert.skeleton(body([joint()] * 15), HEADER) is None


def test_the_cloud_is_one_instance():
    instance = body([joint(1.5, -2.25, 0.75, True), joint()], side=2)
    cloud = convert.keypoints(instance, HEADER)
    assert (cloud.width, cloud.height, cloud.row_step, cloud.is_dense) == (2, 1, 40, False)
    names = {field.name: (field.offset, {2: "B", 4: "H", 7: "f"}[field.datatype]) for field in cloud.fields}
    read = lambda point: {
        name: struct.unpack_from(f"<{code}", bytes(cloud.data), cloud.point_step * point + offset)[0]
        for name, (offset, code) in names.items()
    }
    about = dict(number=7, stream=3, task=2, side=2)
    assert read(0) == dict(u=1.5, v=-2.25, score=0.75, held=1, **about)
    missing = read(1)
    assert math.isnan(missing["u"]) and math.isnan(missing["v"]) and missing["held"] == 0
    assert convert.keypoints(body([]), HEADER).data == cloud.data[:0]


def test_markers_draw_found_joints_around_the_pictures_centre():
    instance = full_body(right_ankle=joint(319.5, 239.5), right_knee=joint(419.5, 139.5), head_top=joint(0.0, 0.0))
    bones, joints = convert.markers(instance, HEADER, 0.01).markers
    assert bones.points == [messages.Point(0.0, 0.0, 0.0), messages.Point(1.0, -1.0, 0.0)]
    assert len(joints.points) == len(joints.colors) == 3
    assert (bones.ns, bones.id, joints.id) == ("body3", 14, 15)
    assert bones.header == HEADER and bones.lifetime == messages.Duration(0, 500_000_000)
    hand = packet_of("keypoints")
    unknown = body(hand.keypoints, joint_table=255, task=9)
    assert convert.markers(unknown, HEADER, 0.01).markers[0].points == []


def test_bodies_are_forgotten_and_never_too_many():
    bodies = convert.Bodies()
    assert all(bodies.see(f"b{index}", 0) for index in range(convert.MAX_BODIES))
    assert not bodies.see("one more", 1)
    assert bodies.see("b1", 400_000)
    assert bodies.forget(500_000) == []
    assert len(bodies.forget(500_001)) == convert.MAX_BODIES - 1
    assert bodies.tracked(HEADER) == messages.IdsList(HEADER, ["b1"])


def test_times_of_messages():
    assert convert.time_of(12_000_000_034) == messages.Time(12, 34)
    assert convert.time_of(-5) == messages.Time(0, 0)


SENDER_US, ORIGIN_US = 7_000_000_000, 1_000_000


def arriving(packet, clock, sent_us, delay_us, age_us=30_000, session=1, difference_us=SENDER_US):
    """How much later than the capture the stamp is. The sender's clock is ahead by `difference_us`."""
    captured_us = sent_us - age_us
    packet = dataclasses.replace(
        packet, session=session, captured_mono_us=captured_us + difference_us, age_us=age_us
    )
    return clock.captured_us(packet, sent_us + delay_us) - captured_us


def test_jitter_does_not_get_into_the_stamps():
    packet, clock = packet_of("keypoints"), CaptureClock()
    errors = [
        arriving(packet, clock, ORIGIN_US + 33_000 * index, 200 + 7919 * index % 90_000, age_us=20_000 + 17 * index % 999)
        for index in range(3000)
    ]
    # The packets take between 0.2 and 90.2 ms.
    assert 200 <= min(errors) and max(errors) < 1000


def test_a_drift_of_the_clocks_is_followed():
    packet, clock = packet_of("keypoints"), CaptureClock()
    for second in range(600):
        sent_us = ORIGIN_US + 1_000_000 * second
        error = arriving(packet, clock, sent_us, 100, difference_us=SENDER_US - 200 * second)
        assert -4_200 <= error - 100 <= 0, second


def test_a_new_session_and_a_pause_start_anew():
    packet, clock = packet_of("keypoints"), CaptureClock()
    assert arriving(packet, clock, ORIGIN_US, 100) == 100
    assert arriving(packet, clock, ORIGIN_US + 1000, 300, session=2, difference_us=-5) == 300
    later_us = ORIGIN_US + 3 * WINDOW_US
    # The sender slept meanwhile, and its clock with it.
    assert arriving(packet, clock, later_us, 150, session=2, difference_us=-9_000_000) == 150
    assert clock.captured_us(dataclasses.replace(packet, age_us=None), later_us) is None
