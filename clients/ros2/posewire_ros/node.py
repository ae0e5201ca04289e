"""The node: packets in, messages out. docs/receivers/ros2.md shows how to start it."""

from __future__ import annotations

import time
from typing import Optional

import rclpy
from builtin_interfaces import msg as builtin_interfaces
from geometry_msgs import msg as geometry_msgs
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs import msg as sensor_msgs
from std_msgs import msg as std_msgs
from visualization_msgs import msg as visualization_msgs

import posewire

from . import convert, messages
from .capture_time import CaptureClock

try:
    from hri_msgs import msg as hri_msgs
except ImportError:
    hri_msgs = None

_MODULES = (builtin_interfaces, geometry_msgs, hri_msgs, sensor_msgs, std_msgs, visualization_msgs)
#: Packets are waited for so long; then the node looks after itself.
_TIMEOUT_S = 0.1


def _classes() -> dict[str, type]:
    names = [name for name in vars(messages) if name[0].isupper()]
    return {name: getattr(module, name) for name in names for module in _MODULES if hasattr(module, name)}


class PosewireNode(Node):
    """Publishes each instance when its packet arrives."""

    def __init__(self) -> None:
        super().__init__("posewire")
        text = {
            name: self.declare_parameter(name, default).value
            for name, default in {
                "udp": "0.0.0.0:9000", "serial": "", "key_file": "", "frame_id": "camera_optical_frame",
            }.items()
        }  # fmt: skip
        self._age_limit_us = int(1000 * self.declare_parameter("age_limit_ms", 200.0).value)
        self._metres_per_px = self.declare_parameter("metres_per_px", 0.002).value
        self._frame_id = text["frame_id"]
        self._receiver = posewire.Receiver(posewire.read_key(text["key_file"]) if text["key_file"] else None)
        place = f"serial:{text['serial']}" if text["serial"] else f"udp:{text['udp']}"
        self._packets = posewire.open_source(place, receiver=self._receiver, timeout_s=_TIMEOUT_S)
        self._capture_clock = CaptureClock()
        self._bodies = convert.Bodies()
        self._classes = _classes()
        self._keypoints = self.create_publisher(sensor_msgs.PointCloud2, "~/keypoints", qos_profile_sensor_data)
        self._markers = self.create_publisher(visualization_msgs.MarkerArray, "~/markers", 10)
        self._tracked: Optional[Publisher] = None
        self._skeletons: dict[str, Publisher] = {}
        if hri_msgs is None:
            self.get_logger().info("there is no hri_msgs: no skeletons are published")
        else:
            self._tracked = self.create_publisher(hri_msgs.IdsList, "/humans/bodies/tracked", 10)

    def run(self) -> None:
        """Publishes until ROS ends."""
        for packet in self._packets:
            if not rclpy.ok():
                return
            now_us = time.monotonic_ns() // 1000
            if packet is not None:
                self._take(packet, now_us)
            self._forget(now_us)
            # Parameters, and the clock of a simulation.
            rclpy.spin_once(self, timeout_sec=0)

    def _take(self, packet: posewire.Packet, now_us: int) -> None:
        captured_us = self._capture_clock.captured_us(packet, now_us)
        if captured_us is None:
            return
        age_us = now_us - captured_us
        header = self._header(age_us)
        for instance in convert.seen(packet, self._age_limit_us, age_us):
            self._publish(self._keypoints, convert.keypoints(instance, header))
            self._publish(self._markers, convert.markers(instance, header, self._metres_per_px))
            self._publish_skeleton(instance, header, now_us)

    def _publish_skeleton(self, instance: convert.Seen, header: messages.Header, now_us: int) -> None:
        skeleton = convert.skeleton(instance, header)
        name = self._bodies.name(instance)
        if self._tracked is None or skeleton is None or not self._bodies.see(name, now_us):
            return
        if name not in self._skeletons:
            topic = f"/humans/bodies/{name}/skeleton2d"
            self._skeletons[name] = self.create_publisher(hri_msgs.Skeleton2D, topic, 1)
            self._publish(self._tracked, self._bodies.tracked(header))
        self._publish(self._skeletons[name], skeleton)

    def _forget(self, now_us: int) -> None:
        gone = self._bodies.forget(now_us)
        for name in gone:
            self.destroy_publisher(self._skeletons.pop(name))
        if gone:
            self._publish(self._tracked, self._bodies.tracked(self._header(0)))

    def _header(self, age_us: int) -> messages.Header:
        """A time so long ago, on the node's clock, which may be a simulation's."""
        now_ns = self.get_clock().now().nanoseconds
        return messages.Header(convert.time_of(now_ns - 1000 * age_us), self._frame_id)

    def _publish(self, publisher: Publisher, plain) -> None:
        publisher.publish(messages.to_ros(plain, self._classes))


def main(arguments: Optional[list[str]] = None) -> None:
    rclpy.init(args=arguments)
    try:
        PosewireNode().run()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
