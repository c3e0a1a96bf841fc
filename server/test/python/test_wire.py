"""The wire in Python against the golden bytes that the TypeScript tests read too."""

import array
import ctypes
import datetime
import json
import math
import pathlib
import unittest

from tsunicorn import BigInt, frames, tlv
from tsunicorn.errors import DirtyProtocolError
from tsunicorn.run_message import checked_run

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
    if kind == "bigint":
        return BigInt(body)
    if kind == "undefined":
        return None
    if kind == "array":
        code, numbers = body
        return array.array(code, [float(one) if code in "fd" else int(one) for one in numbers])
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
                # As for a client of Gunicorn's protocol, which takes ints of 64 bits.
                self.assertEqual(tlv.encode(untag(vector["value"]), wide=True).hex(), bytes_of(vector).hex())
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
        for value in (2**63, BigInt(2**63), -(2**63) - 1, 2**53, -(2**53), {1: "a"}, {"a"}, object(), "\ud800", 1j, [lambda: 1], deep):
            with self.subTest(repr(value)[:60]), self.assertRaises(DirtyProtocolError):
                tlv.encode(value)

    def test_a_value_that_would_be_too_large_is_refused_before_it_is_made(self):
        part = b"x" * (1 << 20)
        with self.assertRaises(DirtyProtocolError):
            tlv.encode([part] * 100)


class OwnValues(Alike):
    """Values of the types that Gunicorn does not know."""

    vectors = load("own-values.json", "values")

    def test_golden_values_are_read(self):
        for vector in self.vectors:
            with self.subTest(vector["name"]):
                form = vector.get("inPython", vector["value"])
                self.assert_same(tlv.decode(bytes_of(vector)), untag(form))

    def test_golden_values_are_written(self):
        for vector in self.vectors:
            if "python" in vector.get("decodeOnly", []):
                continue
            with self.subTest(vector["name"]):
                self.assertEqual(tlv.encode(untag(vector["value"])).hex(), bytes_of(vector).hex())

    def test_malformed_values_are_refused(self):
        for vector in self.vectors:
            for cut in range(len(bytes_of(vector))):
                with self.subTest(vector["name"], cut=cut), self.assertRaises(DirtyProtocolError):
                    tlv.decode(bytes_of(vector)[:cut])
        for vector in load("own-values.json", "malformed"):
            with self.subTest(vector["name"]), self.assertRaises(DirtyProtocolError):
                tlv.decode(bytes_of(vector))

    def test_an_int_is_a_number_whatever_its_size_and_a_bigint_one(self):
        for value in (0, 10, -1, 2**53 - 1, -(2**53) + 1):
            self.assertEqual(tlv.encode(value)[0], 0x05)
        for value in (0, 10, 2**53 + 1, -(2**63)):
            self.assertEqual(tlv.encode(BigInt(value))[0], 0x41)
            self.assert_same(tlv.decode(tlv.encode(BigInt(value))), BigInt(value))
        for value, says in ((2**53 + 1, "BigInt"), (-(2**53), "BigInt"), (2**64, "64 bits"), (BigInt(2**64), "64 bits")):
            with self.assertRaisesRegex(DirtyProtocolError, says):
                tlv.encode(value)

    def test_whatever_shows_its_memory_crosses_as_an_array_of_its_elements(self):
        doubles = array.array("d", [1.5, 2.5, 3.5, 4.5])
        for value, read in (
            (array.array("B", [1, 2]), b"\x01\x02"),
            (memoryview(doubles), doubles),
            (memoryview(doubles)[::2], array.array("d", [1.5, 3.5])),
            (array.array("l", [-1]), array.array("q" if array.array("l").itemsize == 8 else "i", [-1])),
            ((ctypes.c_float * 2)(1.5, 2.5), array.array("f", [1.5, 2.5])),
        ):
            with self.subTest(repr(value)):
                self.assert_same(tlv.decode(tlv.encode(value)), read)
        table = memoryview(bytes(8)).cast("B", (2, 4))
        for value in (table, memoryview(bytes(4)).cast("?"), (ctypes.c_char_p * 1)()):
            with self.subTest(repr(value)), self.assertRaises(DirtyProtocolError):
                tlv.encode(value)

    def test_arrays_and_numbers_of_numpy_cross(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("there is no numpy")
        ones = numpy.ones(3, dtype=numpy.float32)
        self.assert_same(tlv.decode(tlv.encode({"v": ones})), {"v": array.array("f", [1, 1, 1])})
        self.assertTrue((numpy.asarray(tlv.decode(tlv.encode(ones))) == ones).all())
        for value, read in ((numpy.float32(1.5), 1.5), (numpy.int64(5), 5), (numpy.bool_(True), True)):
            self.assert_same(tlv.decode(tlv.encode(value)), read)
        for value in (numpy.zeros((2, 2)), numpy.array(["a"]), numpy.datetime64("2020-01-01"), numpy.array([1j])):
            with self.subTest(repr(value)), self.assertRaises(DirtyProtocolError):
                tlv.encode({"v": value})

    def test_half_floats_are_read_as_floats(self):
        halves = bytes.fromhex("426500000004003e00c0")
        self.assert_same(tlv.decode(halves), array.array("f", [1.5, -2]))


class Paths(unittest.TestCase):
    """An error of a value that cannot cross says where that stands."""

    def told(self, value, **more):
        with self.assertRaises(DirtyProtocolError) as caught:
            tlv.encode(value, **more)
        self.assertIs(type(caught.exception), DirtyProtocolError)
        return caught.exception

    def test_the_path_of_what_cannot_cross(self):
        now, holds = datetime.datetime.now(), {"child": []}
        holds["child"].append(holds)
        for value, path in (
            (now, None),
            ({"rows": [0, 1, 2, {"at": now}]}, "rows[3].at"),
            (([], [{"a": {"b": {1, 2}}}]), "[1][0].a.b"),
            ({"a key": {"": object()}}, "['a key']['']"),
            ({"größe": [1j]}, "größe[0]"),
            ({"rows": [{7: 1}]}, "rows[0][7]"),
            ({"a": {None: 1}}, "a[None]"),
            ({"a": {"\ud800": 1}}, "a['?']"),
            ({"id": 2**53}, "id"),
            ({"a": [0] * 1_048_577}, "a"),
            ({"tree": holds}, "tree.child[0].child"),
            ({"stream": iter([1])}, "stream"),
        ):
            with self.subTest(path=path):
                error = self.told(value)
                self.assertEqual(error.details.get("path"), path)
                if path is not None:
                    self.assertIn(f" ({path})", str(error))

    def test_of_a_result_it_begins_with_what_the_action_returned(self):
        with self.assertRaises(DirtyProtocolError) as caught:
            frames.result_payload({"rows": [{1}]})
        self.assertEqual(caught.exception.details, {"path": "rows[0]"})
        with self.assertRaises(DirtyProtocolError) as caught:
            frames.chunk_payload([{1}])
        self.assertEqual(caught.exception.details, {"path": "[0]"})


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

    def test_every_message_that_this_side_knows_has_a_golden_frame(self):
        known = {value for name, value in vars(frames).items() if name.isupper() and name != "HEADER_SIZE" and type(value) is int}
        self.assertGreater(len(known), 15)
        self.assertLessEqual(known - {frames.MAX_PAYLOAD}, {vector["code"] for vector in self.vectors})

    def test_all_that_a_run_says_is_taken(self):
        runs = [untag(vector["payload"]) for vector in self.vectors if vector["code"] == frames.RUN]
        for run in runs:
            self.assertEqual(checked_run(dict(run)), run)
        self.assertTrue(runs)

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
