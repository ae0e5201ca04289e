"""The node on a model of rclpy: a packet arrives by UDP, and messages of the right classes leave."""

import dataclasses
import socket
import sys
import types

import pytest
from posewire_ros import messages
from test_convert import packet_of

MODULES = {
    "builtin_interfaces": "Time Duration",
    "std_msgs": "Header ColorRGBA",
    "geometry_msgs": "Point Vector3",
    "sensor_msgs": "PointCloud2 PointField",
    "visualization_msgs": "Marker MarkerArray",
    "hri_msgs": "NormalizedPointOfInterest2D Skeleton2D IdsList",
}


class Publisher:
    def __init__(self, kind, topic):
        self.kind, self.topic, self.sent = kind, topic, []

    def publish(self, message):
        assert type(message) is self.kind
        self.sent.append(message)


class FakeNode:
    changes = {}

    def __init__(self, name):
        self.publishers, self.destroyed = {}, []

    def declare_parameter(self, name, default):
        value = self.changes.get(name, default)
        assert isinstance(value, type(default))
        return types.SimpleNamespace(value=value)

    def create_publisher(self, kind, topic, qos):
        self.publishers[topic] = Publisher(kind, topic)
        return self.publishers[topic]

    def destroy_publisher(self, publisher):
        self.destroyed.append(publisher.topic)

    def get_logger(self):
        return types.SimpleNamespace(info=lambda text: None)

    def get_clock(self):
        return types.SimpleNamespace(now=lambda: types.SimpleNamespace(nanoseconds=10**18))


def message_class(name):
    """Takes the fields of the message and no others, as ROS does."""
    fields = [field.name for field in dataclasses.fields(getattr(messages, name))]
    return dataclasses.make_dataclass(name, fields)


@pytest.fixture
def node_module(monkeypatch):
    for package, names in MODULES.items():
        module = types.ModuleType(f"{package}.msg")
        for name in names.split():
            setattr(module, name, message_class(name))
        parent = types.ModuleType(package)
        parent.msg = module
        monkeypatch.setitem(sys.modules, package, parent)
        monkeypatch.setitem(sys.modules, f"{package}.msg", module)
    state = types.SimpleNamespace(rounds=0)
    rclpy = types.ModuleType("rclpy")
    rclpy.ok = lambda: state.rounds < 2
    rclpy.spin_once = lambda node, timeout_sec: setattr(state, "rounds", state.rounds + 1)
    parts = {
        "rclpy": rclpy,
        "rclpy.executors": types.SimpleNamespace(ExternalShutdownException=RuntimeError),
        "rclpy.node": types.SimpleNamespace(Node=FakeNode),
        "rclpy.publisher": types.SimpleNamespace(Publisher=Publisher),
        "rclpy.qos": types.SimpleNamespace(qos_profile_sensor_data=object()),
    }
    for name, module in parts.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "posewire_ros.node", raising=False)
    import posewire_ros.node

    yield posewire_ros.node
    sys.modules.pop("posewire_ros.node")


def test_a_body_becomes_messages_and_is_forgotten(node_module, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(FakeNode, "changes", {"udp": f"127.0.0.1:{port}", "age_limit_ms": 1000.0, "frame_id": "cam"})
    node = node_module.PosewireNode()
    packet = packet_of("instances")
    instances = [dataclasses.replace(item, state=1, look_age_ms=0, task=2, joint_table=2) for item in packet.instances]
    joints = (instances[0].joints * 16)[:16]
    instances[0] = dataclasses.replace(instances[0], joints=joints)
    packet = dataclasses.replace(
        packet, flags=0, age_us=100_000, body=dataclasses.replace(packet.body, instances=tuple(instances[:1]))
    )
    node._packets = iter([packet, None, None, None])
    node.run()
    cloud = node.publishers["~/keypoints"].sent[0]
    assert cloud.header.frame_id == "cam" and cloud.width == 16
    stamp_ns = cloud.header.stamp.sec * 10**9 + cloud.header.stamp.nanosec
    assert stamp_ns == 10**18 - 100_000_000
    assert len(node.publishers["~/markers"].sent[0].markers) == 2
    name = f"body_{packet.instance}_{instances[0].number}"
    topic = f"/humans/bodies/{name}/skeleton2d"
    assert len(node.publishers[topic].sent[0].skeleton) == 18
    assert node.publishers["/humans/bodies/tracked"].sent[-1].ids == [name]
    node._forget(10**15)
    assert node.destroyed == [topic]
    assert node.publishers["/humans/bodies/tracked"].sent[-1].ids == []


def test_the_port_is_opened_and_silence_is_noticed(node_module, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(FakeNode, "changes", {"udp": f"127.0.0.1:{port}"})
    node = node_module.PosewireNode()
    assert next(node._packets) is None
    node._packets.close()
