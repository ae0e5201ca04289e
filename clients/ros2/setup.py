from setuptools import setup

NAME = "posewire_ros"

setup(
    name=NAME,
    version="0.1.0",
    packages=[NAME],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", ["launch/posewire.launch.py"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    description="Publishes the hands and bodies that posewire camera boards send",
    license="MIT OR Apache-2.0",
    entry_points={"console_scripts": [f"posewire_node = {NAME}.node:main"]},
)
