#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much of each parser of hostile octets its fuzz target's seeds and corpus reach: lines, as llvm-cov counts
them. Run by `tests/fuzz/run --coverage [TARGET...]`, which builds. Prints a table for docs/fuzzing.md; a parser
below 90 % is a failure. Ends in a line "N passed, N failed"."""

import json
import os
import subprocess
import sys
import tempfile

BUILD = "build-coverage"
LEAST = 90.0

# Which files a target is there for. One parser may have several targets: what they reach counts together.
PARSERS = {
    "accounts_file": ["src/accounts/file_parse.c"],
    "address": ["src/mail/address.c", "src/mail/domain.c"],
    "addresslist": ["src/mail/addresslist.c"],
    "config": ["src/config/scan.c", "src/config/reader.c", "src/config/numbers.c", "src/config/words.c",
               "src/config/names.c", "src/config/addresses.c"],
    "control": ["src/control/protocol.c"],
    "date": ["src/mail/date.c"],
    "decode": ["src/mail/decode.c"],
    "door": ["src/door/door.c"],
    "envelope": ["src/mail/envelope.c"],
    "facts": ["src/mail/facts.c"],
    "journal": ["src/journal/scan.c", "src/journal/format.c"],
    "maildir_name": ["src/store/maildir/name.c"],
    "mbox_scan": ["src/store/mbox/scanner.c"],
    "mime": ["src/mail/mime.c", "src/mail/mime_boundary.c", "src/mail/mime_header.c", "src/mail/mime_part.c",
             "src/mail/field.c", "src/sort/imap_structure.c", "src/sort/imap_envelope.c",
             "src/sort/header_facts.c", "src/sort/html.c", "src/sort/subject.c"],
    "params": ["src/mail/params.c"],
    "record": ["src/deliver/worker/record.c", "src/deliver/worker/record_change.c"],
    "smtp_decode": ["src/smtp/decode.c"],
    "smtp_parameters": ["src/smtp/parameters.c", "src/smtp/xtext.c"],
    "smtp_session": ["src/smtp/session.c", "src/smtp/command.c", "src/smtp/transaction.c", "src/smtp/hello.c",
                     "src/smtp/content.c", "src/smtp/answers.c", "src/smtp/xclient.c"],
    "text": ["src/doorstep/text.c", "src/doorstep/bodystructure.c"],
    "utf7": ["src/mail/utf7.c"],
    "words": ["src/mail/words.c"],
}


def binary(target):
    return f"{BUILD}/tests/fuzz/fuzz_{target}"


def inputs(target):
    return [f for f in (f"tests/fuzz/seeds/{target}", f"build-fuzz/corpus/{target}") if os.path.isdir(f)]


def profile(target, folder):
    """Runs the target over its inputs, and no further."""
    path = f"{folder}/{target}.profraw"
    run = subprocess.run([binary(target), "-runs=0", *inputs(target)], capture_output=True, text=True, check=False,
                         env={**os.environ, "LLVM_PROFILE_FILE": path})
    if run.returncode != 0:
        sys.exit(f"{target}: {run.stderr[-2000:]}")
    return path


def covered(targets, profiles, folder):
    """Path of a source file -> (lines reached, lines)."""
    merged = f"{folder}/all.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *profiles], check=True)
    objects = [word for target in targets[1:] for word in ("-object", binary(target))]
    export = subprocess.run(["llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", binary(targets[0]),
                             *objects], check=True, capture_output=True, text=True)
    return {os.path.relpath(os.path.join(BUILD, entry["filename"])): (entry["summary"]["lines"]["covered"],
                                                  entry["summary"]["lines"]["count"])
            for entry in json.loads(export.stdout)["data"][0]["files"]}


def main():
    targets = sys.argv[1:]
    unknown = [target for target in targets if target not in PARSERS]
    failed = len(unknown)
    for target in unknown:
        print(f"FAIL {target}: which parser is it for?")
    with tempfile.TemporaryDirectory() as folder:
        lines = covered(targets, [profile(target, folder) for target in targets], folder)
    passed = 0
    print("| target | parser | lines reached |\n|---|---|---|")
    for target in targets:
        for path in PARSERS.get(target, []):
            reached, count = lines.get(path, (0, 0))
            share = 100.0 * reached / count if count else 0.0
            print(f"| {target} | {path} | {reached} of {count}, {share:.1f} %{'' if share >= LEAST else ' FAIL'} |")
            passed, failed = passed + (share >= LEAST), failed + (share < LEAST)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
