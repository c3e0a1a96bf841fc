"""The arguments that an action is called with."""

import unittest

from tsunicorn import frames, tlv
from tsunicorn.actions import fitting
from tsunicorn.tlv import UNDEFINED


class Fitting(unittest.TestCase):
    def test_an_argument_that_was_left_out_is_the_default_of_its_parameter_or_none(self):
        def takes(a, b=2, c=3): ...

        for args, fit in (
            ([1], [1]),
            ([1, UNDEFINED], [1, 2]),
            ([UNDEFINED, 4, UNDEFINED], [None, 4, 3]),
            ([1, None, UNDEFINED], [1, None, 3]),
            ([1, 2, 3, 4, 5], [1, 2, 3]),
        ):
            with self.subTest(args):
                self.assertEqual(fitting(takes, args), fit)

    def test_one_that_was_left_out_deeper_in_a_value_is_none(self):
        run = frames.run_dict(tlv.encode({"args": [1, [UNDEFINED], UNDEFINED]}))
        self.assertEqual(run["args"], [1, [None], UNDEFINED])


if __name__ == "__main__":
    unittest.main()
