"""The wire in Python against the golden bytes that the TypeScript tests read too."""

import json
import math
import pathlib
import unittest

from tsunicorn import frames, tlv
from tsunicorn.errors import DirtyProtocolError

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"


def load(file, key):
    return json.loads((VECTORS / file).read_text(encoding="utf-8"))[key]


def bytes_of(vector):
    return bytes.fromhex("".join(vector["hex"]).replace(" ", ""))


def untag(form):
    if not isinstance(form, dict):
        return form
    [(kind, body)] = form.items()
    if kind == "int":
        return int(body)
    if kind == "float":
        return float(body)
    if kind == "bytes":
        return bytes.fromhex(body)
    if kind == "list":
        return [untag(item) for item in body]
    assert kind == "dict", form
    return {key: untag(item) for key, item in body}


class Alike(unittest.TestCase):
    def assert_same(self, got, expected):
        """Equal, of the same type, and a float with the same sign, also that of zero."""
        self.assertIs(type(got), type(expected))
        if isinstance(got, float):
            if not math.isnan(expected):
                self.assertEqual(math.copysign(1, got), math.copysign(1, expected))
            self.assertEqual(repr(got), repr(expected))
        elif isinstance(got, list):
            self.assertEqual(len(got), len(expected))
            for one, other in zip(got, expected):
                self.assert_same(one, other)
        elif isinstance(got, dict):
            self.assertEqual(list(got), list(expected))
            for key in got:
                self.assert_same(got[key], expected[key])
        else:
            self.assertEqual(got, expected)


class Values(Alike):
    vectors = load("values.json", "values")

    def test_golden_values_are_read(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                self.assert_same(tlv.decode(bytes_of(vector)), untag(vector["value"]))

    def test_golden_values_are_written(self):
        written = 0
        for vector in self.vectors:
            if "python" in vector.get("decodeOnly", []):
                continue
            with self.subTest(vector["name"]):
                self.assertEqual(tlv.encode(untag(vector["value"])).hex(), bytes_of(vector).hex())
                written += 1
        self.assertGreater(written, 20)

    def test_golden_values_cut_anywhere_or_with_a_byte_behind_are_refused(self):
        for vector in self.vectors:
            data = bytes_of(vector)
            with self.subTest(vector["name"]):
                # A large one is cut at every 1000th byte: every kind of place is in the small ones.
                for cut in range(0, len(data), 1 if len(data) < 5000 else 1000):
                    with self.assertRaises(DirtyProtocolError):
                        tlv.decode(data[:cut])
                with self.assertRaises(DirtyProtocolError):
                    tlv.decode(data + b"\x00")

    def test_malformed_values_are_refused(self):
        for vector in load("malformed.json", "values"):
            with self.subTest(vector["name"]), self.assertRaises(DirtyProtocolError):
                tlv.decode(bytes_of(vector))

    def test_tuples_cross_as_lists_and_all_kinds_of_bytes_as_bytes(self):
        self.assertEqual(tlv.decode(tlv.encode((1, "a"))), [1, "a"])
        for value in (b"ab", bytearray(b"ab"), memoryview(b"ab")):
            self.assertEqual(tlv.decode(tlv.encode(value)), b"ab")

    def test_what_cannot_cross_is_refused_by_the_sender(self):
        deep = []
        for _ in range(64):
            deep = [deep]
        for value in (2**63, -(2**63) - 1, {1: "a"}, {"a"}, object(), "\ud800", 1j, [lambda: 1], deep):
            with self.subTest(repr(value)[:60]), self.assertRaises(DirtyProtocolError):
                tlv.encode(value)

    def test_a_value_that_would_be_too_large_is_refused_before_it_is_made(self):
        part = b"x" * (1 << 20)
        with self.assertRaises(DirtyProtocolError):
            tlv.encode([part] * 100)


class Frames(Alike):
    vectors = load("frames.json", "frames")

    def test_golden_frames_are_read(self):
        for vector in self.vectors:
            reader = frames.FrameReader()
            [(kind, request_id, payload)] = list(reader.push(bytes_of(vector)))
            reader.end()
            with self.subTest(vector["name"]):
                self.assertEqual((kind, request_id), (vector["code"], int(vector["id"])))
                if "payload" in vector:
                    self.assert_same(frames.payload_dict(payload), untag(vector["payload"]))
                else:
                    self.assertEqual(payload, b"")

    def test_golden_frames_are_written(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                value = untag(vector["payload"]) if "payload" in vector else frames.NOTHING
                got = frames.frame(vector["code"], int(vector["id"]), value)
                self.assertEqual(got.hex(), bytes_of(vector).hex())
                if vector["code"] == frames.CHUNK:
                    payload = frames.chunk_payload(value["data"])
                    fast = frames.encoded(frames.CHUNK, int(vector["id"]), payload)
                    self.assertEqual(fast.hex(), bytes_of(vector).hex())

    def test_frames_are_found_wherever_the_reads_cut_them(self):
        data = b"".join(bytes_of(vector) for vector in self.vectors)
        whole = list(frames.FrameReader().push(data))
        self.assertEqual(len(whole), len(self.vectors))
        for size in (1, 2, 3, 7, 16, 17, 100):
            reader = frames.FrameReader()
            seen = []
            for at in range(0, len(data), size):
                seen.extend(reader.push(data[at : at + size]))
            reader.end()
            self.assertEqual(seen, whole)

    def test_malformed_headers_are_refused(self):
        for vector in load("malformed.json", "headers"):
            with self.subTest(vector["name"]), self.assertRaises(DirtyProtocolError):
                list(frames.FrameReader().push(bytes_of(vector)))

    def test_an_end_inside_a_frame_is_an_error(self):
        reader = frames.FrameReader()
        self.assertEqual(list(reader.push(bytes_of(self.vectors[0])[:-1])), [])
        with self.assertRaises(DirtyProtocolError):
            reader.end()


if __name__ == "__main__":
    unittest.main()
