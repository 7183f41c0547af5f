#!/usr/bin/env python3
"""The report says all that it must: durability, what is missing and why, and what may not be used."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import aws  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import waiters  # noqa: E402


def sample(rate):
    made = {"rate": rate, "p50": 0.5, "p99": 2.0, "p999": 9.0, "cpu": 1.0, "cpu_us": 16.5, "load_us": 9.25,
            "idle": 0.5}
    return {**made, "rate_min": rate, "rate_max": rate, "errors": 0, "samples": [made]}


def row(name, rate, **more):
    return {"name": name, "title": f"the {name}", "durability": f"{name} flushes", "limit": False,
            "version": "1", "at": {"1": sample(rate), "64": sample(rate * 10)}, "failed": "", **more}


def throughput(load):
    return {
        "command": "./scripts/bench", "when": "2026-01-01", "settings": {"seconds": 1, "rounds": 1},
        "machine": {"processors": 2, "processor": "P", "memory_gib": 4, "kernel": "6", "system": "S",
                    "file_system": "ext4", "load_before": load, "commit": "c", "compiler": "g",
                    "wrk": "w", "steal": 0},
        "limits": {"flushes_per_s": 1, "flush_p50_us": 1, "flush_p99_us": 1, "spawns_per_s": 1},
        "rows": [row("bide-echo", 4000), row("slow", 1000),
                 row("ill", 1, at={}, failed="at 1 connections: died")],
        "skipped": [{"name": "gone", "title": "the gone", "reason": "npm failed: no network"}]}


def memory(waiting):
    at = {"asked": 20, "waiting": waiting, "answered": waiting, "failed": 0, "why": "", "cpu": 0.0,
          "idle": 1e6, "total": 2e6, "bytes_per_waiter": 512, "parts": {"front": 512}, "last_late": 0}
    made = {**throughput(0), "rows": [row("held", 1, at={"20": at})], "skipped": []}
    return report.markdown({"memory": made})


class Report(unittest.TestCase):
    def test_names_durability_ratio_failure_and_what_was_skipped(self):
        text = report.markdown({"throughput": throughput(0.1)})
        for wanted in ("slow flushes", "4.00 [4.00-4.00]", "at 1 connections: died",
                       "Skipped: the gone (`gone`): npm failed: no network", "16.5 + 9.2, 0.50 idle"):
            self.assertIn(wanted, text)
        self.assertNotIn("busy", text)

    def test_over_aws_calls_are_counted_by_kind_and_lost_waiters_are_told(self):
        at = {"64": {**sample(100), "cpu_us": 250, "calls": dict.fromkeys(aws.KINDS, 0.25) | {"put": 1}}}
        held = {"asked": 20, "waiting": 20, "answered": 19, "failed": 1, "why": "closed", "idle": 1e6, "total": 2e6,
                "bytes_per_waiter": 5e4, "cpu": 0.1, "gets": 60, "seconds_to_send": 1, "seconds_to_answer": 2, "last_late": 0.5}
        text = report.markdown({"aws": {**throughput(0), "rows": [row("bide-aws", 1, at=at)], "services": "S",
                                        "waiters": held}})
        for wanted in ("0.50/2.00, 250 us", "| the bide-aws | 64 | 0.250 | 0.250 | 0.250 | 1.000 |", "On S;",
                       "2 looks into S3", "19 are answered (1 failed: closed)", "Skipped: the gone"):
            self.assertIn(wanted, text)

    def test_large_bodies_are_compared_round_by_round(self):
        rows = [{"name": "bide", "title": "bide", "up": [90, 80], "down": [50, 50], "up_mid": 85, "down_mid": 50},
                {"name": "nginx", "title": "nginx", "up": [100, 40], "down": [50, 25], "up_mid": 70, "down_mid": 37}]
        text = report.markdown({"bulk": {**throughput(0), "rows": rows, "skipped": [], "body_mib": 8}})
        self.assertIn("| ratio | 2.00 [0.90-2.00] | 2.00 [1.00-2.00] |", text)

    def test_a_full_store_is_compared_with_an_empty_one_round_by_round(self):
        def at(rates, late):
            return {"64": {"rate": rates, "p50": [1, 1], "p99": late, "p999": [3, 3], "errors": [0, 0]}}
        made = {**throughput(0), "rows": [{"name": "empty", "title": "empty", "at": at([100, 80], [2, 2])},
                                          {"name": "full", "title": "full", "at": at([90, 88], [4, 2])}],
                "restarts": [2.5, 1.0], "memory": 2**20, "finished": 1, "waiting": 1, "fill": {}}
        text = report.markdown({"store": made})
        self.assertIn("rate 1.10 [0.90-1.10], p99 2.00 [1.00-2.00]", text)
        self.assertIn("2.50 s, 1.00 s", text)

    def test_a_busy_run_says_so_and_stays_out_of_the_docs(self):
        before = "<!-- bench throughput -->\nold\n<!-- end -->\nrest\n"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "performance.md"
            path.write_text(before)
            with contextlib.redirect_stderr(io.StringIO()):
                report.into_doc(path, {"throughput": throughput(3)})
            self.assertEqual(path.read_text(), before)
            report.into_doc(path, {"throughput": throughput(0.1)})
            self.assertIn("slow flushes", path.read_text())
            self.assertTrue(path.read_text().endswith("<!-- end -->\nrest\n"))
            self.assertTrue((path.with_suffix("") / "throughput-rate.svg").exists())
        self.assertIn("busy", report.markdown({"throughput": throughput(3)}))

    def test_memory_says_when_not_all_waited(self):
        self.assertIn("| 512, 2 MB, 0.00, 0.00 s |", memory(20))
        self.assertIn("(19 waited, 19 answered: late)", memory(19))

    def test_charts_are_xml_and_leave_out_what_has_no_figures(self):
        for name, picture in report.pictures({"throughput": throughput(0)}).items():
            with self.subTest(name):
                xml.dom.minidom.parseString(picture)
                self.assertNotIn(">ill,", picture)
                self.assertIn(">slow, not flushed<", picture)
        self.assertEqual(plot.chart("nothing", "x", "y", [("none", [])]), "")

    def test_a_created_job_of_gearmand_is_no_answer(self):
        created = b"\0RES\0\0\0\x08\0\0\0\x01h"
        self.assertTrue(waiters.Waiters.is_early(created))
        self.assertFalse(waiters.Waiters.is_early(created + b"\0RES\0\0\0\x0d\0\0\0\0"))
        self.assertFalse(waiters.Waiters.is_early(b"HTTP/1.1 200 OK"))


if __name__ == "__main__":
    unittest.main()
