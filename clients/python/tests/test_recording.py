"""A recording of the program in the package `mcap` of MCAP's authors, whole and cut off."""

import base64
import json
import random
import struct
from io import BytesIO
from pathlib import Path

import posewire
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Message
from mcap.stream_reader import StreamReader

FILE = Path(__file__).parents[2] / "vectors" / "recording.mcap"
PICTURES = FILE.with_name("pictures.mcap")
COUNT = 12
START_NS = 1_800_000_000_000_000_000


def test_the_index_and_all_checksums_are_right():
    reader = make_reader(BytesIO(FILE.read_bytes()), validate_crcs=True)
    statistics = reader.get_summary().statistics
    assert (statistics.message_count, statistics.channel_count) == (2 * COUNT, 2)
    assert statistics.chunk_count == len(reader.get_summary().chunk_indexes) == 3
    assert statistics.message_start_time == START_NS
    packets, frames = [], []
    for schema, channel, message in reader.iter_messages():
        if channel.message_encoding == "posewire":
            packets.append(posewire.decode(message.data))
        else:
            assert (schema.name, schema.encoding) == ("foxglove.ImageAnnotations", "jsonschema")
            assert json.loads(schema.data)["title"] == schema.name
            frames.append(json.loads(message.data))
    assert [packet.sequence for packet in packets] == list(range(COUNT))
    # Foxglove's origin is the corner of the first pixel.
    joint = packets[0].keypoints[0]
    assert frames[0]["points"][1]["points"][0] == {"x": joint.x_px + 0.5, "y": joint.y_px + 0.5}


def test_a_part_of_the_file_is_found_by_its_time():
    reader = make_reader(BytesIO(FILE.read_bytes()))
    found = reader.iter_messages(topics="/posewire/packets", starting_at=START_NS + 600_000_000)
    assert [posewire.decode(message.data).sequence for _, _, message in found] == list(range(6, COUNT))


def test_a_file_that_is_cut_off_keeps_whole_chunks():
    data = FILE.read_bytes()
    indexes = make_reader(BytesIO(data)).get_summary().chunk_indexes
    whole_chunks = [index.chunk_start_offset + index.chunk_length for index in indexes]
    numbers = random.Random(1)
    for _ in range(100):
        cut = numbers.randrange(100, len(data))
        found = []
        try:
            for record in StreamReader(BytesIO(data[:cut])).records:
                if isinstance(record, Message) and record.channel_id == 1:
                    found.append(posewire.decode(record.data).sequence)
        except (McapError, struct.error):
            pass
        least = 5 * sum(cut >= end for end in whole_chunks)
        assert found == list(range(len(found))) and len(found) >= min(least, COUNT), cut


def test_pictures_are_jpegs_with_the_time_of_what_is_drawn_on_them():
    reader = make_reader(BytesIO(PICTURES.read_bytes()), validate_crcs=True)
    pictures, drawn = [], {}
    for schema, channel, message in reader.iter_messages(topics=["/posewire/picture", "/posewire/keypoints"]):
        text = json.loads(message.data)
        if channel.topic == "/posewire/picture":
            assert (schema.name, schema.encoding) == ("foxglove.CompressedImage", "jsonschema")
            pictures.append(text)
        else:
            drawn[message.log_time] = text["points"][0]["timestamp"]
    assert len(pictures) == 2
    for picture in pictures:
        assert picture["timestamp"] in drawn.values()
        jpeg = base64.b64decode(picture["data"], validate=True)
        assert jpeg.startswith(b"\xff\xd8\xff") and jpeg.endswith(b"\xff\xd9")
