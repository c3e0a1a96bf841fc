"""The chunks of a resumable stream, as the store keeps them."""

import unittest

from tsunicorn.replay_buffer import ReplayBuffer


class Kept(unittest.TestCase):
    def test_chunks_are_found_by_their_numbers_however_many_are_given_up(self):
        buffer = ReplayBuffer()
        for number in range(1000):
            buffer.append(b"%d" % number)
            if number % 7 == 0:
                buffer.trim(100 * 44)
            self.assertLess(buffer.bytes, 108 * 44)
            self.assertEqual(buffer.end, number + 1)
            self.assertEqual(buffer.at(number), b"%d" % number)
            self.assertEqual(buffer.at(buffer.first), b"%d" % buffer.first)
            self.assertIsNone(buffer.at(buffer.first - 1))
            self.assertIsNone(buffer.at(buffer.end))
        buffer.trim(0)
        self.assertEqual((buffer.bytes, buffer.first, buffer.end), (0, 1000, 1000))


if __name__ == "__main__":
    unittest.main()
