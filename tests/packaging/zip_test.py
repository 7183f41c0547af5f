#!/usr/bin/env python3
"""The zip of a Lambda function: what is in it, and that the same files give the same bytes."""
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/lambda_zip"
CERTIFICATES = pathlib.Path("/usr/share/ca-certificates/mozilla")


class Zip(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.program = self.file("program", "#!/bin/sh\n", 0o700)

    def file(self, name, text, mode=0o600):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def pack(self, name, *folders, status=0):
        output = self.folder / name
        done = subprocess.run([TOOL, output, self.program, *folders], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return output if status == 0 else done.stderr

    def test_has_the_program_and_what_was_added(self):
        self.file("mine/speak", "#!/bin/sh\n", 0o711)
        self.file("mine/lib/words", "a\n", 0o664)
        with zipfile.ZipFile(self.pack("a.zip", self.folder / "mine")) as archive:
            modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()
                     if not entry.filename.startswith("certs/")}
            self.assertEqual(archive.read("lib/words"), b"a\n")
        self.assertEqual(modes, {"bootstrap": stat.S_IFREG | 0o755, "speak": stat.S_IFREG | 0o755,
                                 "lib/words": stat.S_IFREG | 0o644})

    def test_has_the_same_bytes_for_the_same_files(self):
        for name in ("x/b", "x/a", "y/a", "y/b"):  # made in another order
            self.file(name, name[2:])
        first = self.pack("a.zip", self.folder / "x").read_bytes()
        os.utime(self.program, (1, 1))
        self.assertEqual(self.pack("b.zip", self.folder / "y").read_bytes(), first)
        self.file("y/b", "other")
        self.assertNotEqual(self.pack("c.zip", self.folder / "y").read_bytes(), first)

    def test_has_certificates_where_openssl_looks(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=a test", "-keyout", self.folder / "key", "-out", self.folder / "ca.pem"],
            check=True, capture_output=True)
        text = (self.folder / "ca.pem").read_text(encoding="utf-8")
        self.file("mine/certs/a-test.crt", "What comes before is a comment.\n" + text * 2)
        unpacked = self.folder / "unpacked"
        with zipfile.ZipFile(self.pack("a.zip", self.folder / "mine")) as archive:
            archive.extractall(unpacked)
        names = os.listdir(unpacked / "certs")
        self.assertEqual(len(names), 1 + len(os.listdir(CERTIFICATES)))
        for certificate in (self.folder / "ca.pem", CERTIFICATES / "Amazon_Root_CA_1.crt"):
            checked = subprocess.run(
                ["openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", unpacked / "certs", certificate],
                text=True, capture_output=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_is_not_made_from_what_does_not_fit(self):
        self.file("mine/bootstrap", "mine")
        self.assertIn("the zip has a bootstrap already", self.pack("a.zip", self.folder / "mine", status=1))
        self.file("other/certs/readme", "no certificate")
        self.assertIn("holds no certificate", self.pack("a.zip", self.folder / "other", status=1))
        self.file("third/certs/bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.assertIn("openssl cannot read", self.pack("a.zip", self.folder / "third", status=1))
        self.assertIn("is not a folder", self.pack("a.zip", self.folder / "nothing", status=1))
        self.assertFalse((self.folder / "a.zip").exists())


if __name__ == "__main__":
    if not CERTIFICATES.is_dir():
        print("skipped: no ca-certificates of Debian's here")
        sys.exit(77)
    unittest.main()
