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

# Which files a target is there for, all of their functions or, where a file does more than read, those that do (or
# with a "!" all but those that do not).
# One file may have several targets: what they reach counts together.
PARSERS = {
    "accounts_file": ["src/accounts/file_parse.c"],
    "address": ["src/mail/address.c", "src/mail/domain.c"],
    "addresslist": ["src/mail/addresslist.c: ! append_first addresslist_first"],
    "config": ["src/config/scan.c", "src/config/reader.c", "src/config/numbers.c", "src/config/words.c",
               "src/config/names.c", "src/config/addresses.c"],
    "chain": ["src/filter/chain/chain.c", "src/filter/chain/members.c", "src/filter/chain/message.c",
              "src/filter/chain/requests.c", "src/filter/draft/draft.c", "src/filter/draft/fields.c",
              "src/filter/draft/results.c"],
    "control": ["src/control/protocol.c: control_call_parse control_reply_parse copy_string parse_bytes "
                "parse_error parse_number parse_progress"],
    "date": ["src/mail/date.c"],
    "decode": ["src/mail/decode.c"],
    "door": ["src/door/door.c: door_receive door_read_packet door_hand_out door_parse_number door_count_frames "
             "door_holds door_collect_fds door_frame_size"],
    "envelope": ["src/mail/envelope.c"],
    "facts": ["src/mail/facts.c"],
    "dsn": ["src/relay/dsn_status.c"],
    "filing": ["src/mail/filing.c"],
    "filter_frames": ["src/mail/filter.c: filter_event_unpack filter_event_pack filter_result_unpack filter_result_pack "
                      "unpack_count unpack_bool pack_addresses unpack_addresses"],
    "journal": ["src/journal/scan.c", "src/journal/format.c"],
    "maildir_name": ["src/store/maildir/name.c: maildir_name_parse maildir_flags_print name_flag name_number "
                     "name_time"],
    "mbox_scan": ["src/store/mbox/scanner.c"],
    "mime": ["src/mail/mime.c", "src/mail/mime_boundary.c", "src/mail/mime_header.c", "src/mail/mime_part.c",
             "src/mail/field.c", "src/sort/imap_structure.c", "src/sort/imap_envelope.c",
             "src/sort/header_facts.c", "src/mail/html.c", "src/sort/subject.c"],
    "milter": ["src/filter/milter/protocol.c", "src/filter/milter/milter.c", "src/filter/milter/message.c",
               "src/filter/milter/answers.c"],
    "params": ["src/mail/params.c"],
    "managesieve": ["src/managesieve/wire.c", "src/managesieve/session.c", "src/managesieve/login.c",
                    "src/managesieve/scripts.c", "src/managesieve/reply.c", "src/managesieve/frames.c"],
    "netstring": ["src/smtp/policy/netstring.c"],
    "policy": ["src/smtp/policy/policy.c", "src/smtp/policy/socketmap.c", "src/smtp/policy/lookup.c"],
    "policy_parse": ["src/smtp/policy/policy_parse.c"],
    "program": ["src/filter/program/output.c: is_reserved is_name is_clean take_verdict take_saying wrong put_line "
                "take_field take_line program_output_read"],
    "proxy": ["src/smtp/edge/proxy.c", "src/smtp/edge/proxy_v2.c"],
    "record": ["src/deliver/worker/record.c: record_account_unpack record_cancel_unpack record_ledger_unpack "
               "record_message_unpack unpack_head unpack_keys unpack_part unpack_ref unpack_text unpack_time",
               "src/deliver/worker/record_change.c"],
    "smtp_decode": ["src/smtp/decode.c"],
    "sasl": ["src/auth/exchange.c", "src/mail/sasl.c"],
    "auth_frames": ["src/auth/frames.c"],
    "effects": ["src/deliver/worker/effects.c: effect_unpack effects_pack unpack_text", "src/relay/queue/pack.c"],
    "relay_job": ["src/relay/job.c"],
    "relay_convert": ["src/relay/client/convert.c", "src/relay/client/convert_print.c",
                      "src/relay/client/encode.c"],
    "relay_client": ["src/relay/client/reply.c", "src/relay/client/capabilities.c", "src/relay/client/client.c",
                     "src/relay/client/hello.c", "src/relay/client/transaction.c", "src/relay/client/transfer.c"],
    "sieve_compile": ["src/sieve/lex.c", "src/sieve/parse.c", "src/sieve/text.c"],
    "sieve_run": ["src/sieve/match_wildcards.c", "src/sieve/fields.c", "src/sieve/edition.c", "src/relay/field.c"],
    "penalty_file": ["src/deliver/login/penalty_file.c: pack_one penalty_file_pack unpack_one unpack_head is_whole "
                     "penalty_file_unpack"],
    "sieve_units": ["src/sieve/edition.c", "src/sieve/flags.c"],
    "srs": ["src/relay/srs.c"],
    "smtp_parameters": ["src/smtp/parameters.c", "src/smtp/xtext.c"],
    "smtp_session": ["src/smtp/session.c", "src/smtp/input.c", "src/smtp/command.c", "src/smtp/transaction.c",
                     "src/smtp/hello.c", "src/smtp/content.c", "src/smtp/answers.c", "src/smtp/answers_rcpt.c",
                     "src/smtp/client.c", "src/smtp/xclient.c", "src/smtp/auth.c", "src/smtp/starttls.c: cmd_starttls refusal starttls_is_missing starttls_is_offered",
                     "src/smtp/limits.c", "src/smtp/filter.c", "src/smtp/filter_describe.c"],
    "text": ["src/doorstep/text.c: text_escape text_cut text_width text_parse_size text_parse_duration "
             "text_parse_rfc3339 text_date", "src/doorstep/bodystructure.c"],
    "tls_bundle": ["src/loop/tls_bundle.c: tls_service_unpack tls_ticket_keys_unpack"],
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


def merge(profiles, folder):
    merged = f"{folder}/all.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *profiles], check=True)
    return merged


def functions(target, merged):
    """(path, name, regions) of each function in a target."""
    export = subprocess.run(["llvm-cov", "export", f"-instr-profile={merged}", binary(target)], check=True,
                            capture_output=True, text=True).stdout
    for f in json.loads(export)["data"][0]["functions"]:
        path = os.path.relpath(os.path.join(BUILD, f["filenames"][0]))
        yield path, f["name"].rpartition(":")[2], f["regions"]  # a static function's name begins with its file's


def line_counts(regions):
    """Line -> how often it was run. Regions come from the outermost to the innermost; each has the line and
    column of its begin and end, its count, and its kind in the last place (0: code)."""
    lines = {}
    for first, _, last, _, count, *_, kind in regions:
        if kind == 0:
            lines.update(dict.fromkeys(range(first, last + 1), count))
    return lines


def is_wanted(name, wanted):
    """No names: all functions; names behind a "!": all but these."""
    if wanted[:1] == ["!"]:
        return name not in wanted
    return not wanted or name in wanted


def covered(target, merged, path, wanted):
    """Lines of the wanted functions (all when none is named) that were reached, and that there are."""
    counts = {}
    for at, name, regions in functions(target, merged):
        if at == path and is_wanted(name, wanted):
            for line, count in line_counts(regions).items():
                counts[line] = max(count, counts.get(line, 0))
    return sum(count > 0 for count in counts.values()), len(counts)


def rate(target, merged, parser):
    """One row of the table; whether it is enough."""
    path, _, names = parser.partition(": ")
    reached, count = covered(target, merged, path, names.split())
    share = 100.0 * reached / count if count else 0.0
    print(f"| {target} | {path} | {reached} of {count}, {share:.1f} %{'' if share >= LEAST else ' FAIL'} |")
    return share >= LEAST


def published():
    with open("docs/fuzzing.md", encoding="utf-8") as f:
        return f.read()


def main():
    targets = sys.argv[1:]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        merged = merge([profile(target, folder) for target in targets], folder)
        print("| target | parser | lines reached |\n|---|---|---|")
        for target in targets:
            results += [rate(target, merged, parser) for parser in PARSERS.get(target, [])]
            if target not in PARSERS:
                print(f"FAIL {target}: which parser is it for?")
                results.append(False)
            elif f"\n| {target} |" not in published():
                print(f"FAIL {target}: docs/fuzzing.md has no row for it")
                results.append(False)
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
