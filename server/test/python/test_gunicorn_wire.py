"""The codec of the tests' own Gunicorn against the golden bytes."""

import unittest

import gunicorn_wire as wire
from test_wire import Alike, bytes_of, load, untag


class Bytes(Alike):
    def test_golden_values_are_read_and_written(self):
        for vector in load("values.json", "values"):
            with self.subTest(vector["name"]):
                value = untag(vector["value"])
                self.assert_same(wire.decode(bytes_of(vector)), value)
                if "python" not in vector.get("decodeOnly", []):
                    self.assertEqual(wire.encode(value).hex(), bytes_of(vector).hex())

    def test_golden_frames_are_read_and_written(self):
        for vector in load("frames.json", "frames"):
            with self.subTest(vector["name"]):
                data = bytes_of(vector)
                size = wire.HEADER.size
                self.assertEqual(wire.header(data[:size]), (vector["code"], int(vector["id"]), len(data) - size))
                value = untag(vector["payload"]) if "payload" in vector else wire.NOTHING
                if value is not wire.NOTHING:
                    self.assert_same(wire.decode(data[size:]), value)
                self.assertEqual(wire.frame(vector["code"], int(vector["id"]), value).hex(), data.hex())


if __name__ == "__main__":
    unittest.main()
