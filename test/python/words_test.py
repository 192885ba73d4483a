"""Words on the kernel's command line: any argument goes through quoting and comes back."""

import os
import random
import unittest

from esp import words


class WordsTest(unittest.TestCase):
    def test_known_quotings(self):
        self.assertEqual(words.quote("a b"), '"a b"')
        self.assertEqual(words.quote(""), '""')
        self.assertEqual(words.quote('say "\\"'), '"say \\"\\\\\\""')
        self.assertEqual(words.quote("\n\u00e9"), '"\\x0a\\xc3\\xa9"')
        self.assertEqual(words.quote_if_needed("init=/bin/sh"), "init=/bin/sh")
        self.assertEqual(words.quote_if_needed("init=/bin/my sh"), '"init=/bin/my sh"')

    def test_every_byte_makes_the_round_trip_in_printable_ascii(self):
        for byte in range(1, 256):
            word = os.fsdecode(bytes([byte]))
            line = words.quote(word)
            self.assertTrue(all(0x20 <= ord(character) < 0x7F for character in line))
            self.assertEqual(words.split(line), [word])

    def test_random_lists_of_words_make_the_round_trip(self):
        chance = random.Random(1)
        for _ in range(500):
            count = chance.randrange(1, 6)
            wanted = [os.fsdecode(bytes(chance.choices(b'ab "\\x0\n\xff-=', k=chance.randrange(8))))
                      for _ in range(count)]
            self.assertEqual(words.split(" ".join(map(words.quote, wanted))), wanted)

    def test_plain_words_are_split_at_spaces(self):
        self.assertEqual(words.split("  console=log  init=/a -- "), ["console=log", "init=/a", "--"])
        self.assertEqual(words.split(""), [])

    def test_an_open_quote_is_refused(self):
        for line in ('"open', '"a"b', 'a"b"', '"a\\"'):
            with self.assertRaises(ValueError, msg=line):
                words.split(line)


if __name__ == "__main__":
    unittest.main()
