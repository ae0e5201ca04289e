"""Starts the node: `ros2 launch posewire_ros posewire.launch.py udp:=0.0.0.0:9000`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

ARGUMENTS = {
    "udp": ("0.0.0.0:9000", "the address to listen on"),
    "serial": ("", "DEVICE[:BAUD], instead of udp"),
    "key_file": ("", "take only packets that are sealed with this key"),
    "frame_id": ("camera_optical_frame", "the camera's optical frame"),
    "age_limit_ms": ("200", "an instance that is older is not published"),
    "metres_per_px": ("0.002", "scale of the markers"),
}


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=help)
        for name, (default, help) in ARGUMENTS.items()
    ]
    texts = ("udp", "serial", "key_file", "frame_id")
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=str if name in texts else float)
        for name in ARGUMENTS
    }
    return LaunchDescription([*declared, Node(package="posewire_ros", executable="posewire_node", parameters=[parameters])])
