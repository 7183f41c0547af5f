#!/usr/bin/env python3
"""deploy/cost: what it counts, and that docs/deploy.md shows what it says."""
import json
import pathlib
import subprocess
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]


def cost(*arguments):
    return subprocess.run([TOP / "deploy/cost", *arguments], capture_output=True, text=True, check=False)


def numbers(*arguments):
    said = cost("--json", *arguments)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def line(bill, what):
    found, = (one for one in bill["lines"] if one["what"].startswith(what))
    return found


class Cost(unittest.TestCase):
    def test_a_million_jobs_by_hand(self):
        bill = numbers()
        # 10 s of 128 MB at $0.0000133334 a GB-second, and the invocation.
        self.assertAlmostEqual(line(bill, "Lambda, worker")["per_million"], 16.66675 + 0.20, places=4)
        self.assertAlmostEqual(line(bill, "Lambda, front")["per_million"], 16.8334 + 0.20, places=3)
        self.assertAlmostEqual(line(bill, "SQS, calls")["per_million"], 3 * 0.40)
        self.assertAlmostEqual(line(bill, "S3, requests")["per_million"], 5.00)
        self.assertAlmostEqual(line(bill, "SQS endpoint")["month"], 2 * 7.30)
        self.assertAlmostEqual(bill["month"], sum(one["month"] for one in bill["lines"]))

    def test_it_grows_in_a_straight_line(self):
        one, three = numbers("--jobs", "1e6"), numbers("--jobs", "3e6")
        self.assertAlmostEqual(three["month"] - one["month"], 2 * one["per_million"])

    def test_bodies(self):
        small, inline, large = (numbers("--body", size) for size in ("1K", "128K", "20M"))
        self.assertAlmostEqual(line(inline, "SQS, calls")["per_million"], (2 + 2 + 1) * 0.40)
        self.assertAlmostEqual(line(large, "SQS, calls")["per_million"], line(small, "SQS, calls")["per_million"])
        self.assertAlmostEqual(line(large, "S3, requests")["per_million"], 2 * 5.00 + 0.40)

    def test_batches_share_invocations_and_calls(self):
        bill = numbers("--batch", "10")
        self.assertAlmostEqual(line(bill, "SQS, calls")["per_million"], (1 + 0.1 + 0.1) * 0.40)
        self.assertAlmostEqual(
            line(bill, "Lambda, worker")["month"], line(numbers(), "Lambda, worker")["month"] / 10)

    def test_a_waiting_function_costs_and_a_task_does_not(self):
        short, long = (numbers("--front", "fargate", "--seconds", s) for s in ("1", "60"))
        self.assertAlmostEqual(line(short, "Fargate")["month"], line(long, "Fargate")["month"])
        self.assertGreater(line(numbers("--seconds", "60"), "Lambda, front")["month"],
                           40 * line(numbers("--seconds", "1"), "Lambda, front")["month"])

    def test_nonsense_is_refused(self):
        for wrong in (["--jobs", "-1"], ["--jobs", "nan"], ["--body", "7Q"], ["--keyed", "2"],
                      ["--batch", "0"], ["--front", "nginx"]):
            said = cost(*wrong)
            self.assertEqual(said.returncode, 2, wrong)
            self.assertIn(wrong[0], said.stderr)

    def test_the_manual_shows_what_it_says(self):
        manual = (TOP / "docs/deploy.md").read_text(encoding="utf-8")
        for shown in cost("--compare").stdout.splitlines():
            if shown:
                self.assertIn(shown, manual)


if __name__ == "__main__":
    unittest.main()
