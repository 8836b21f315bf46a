/* SPDX-License-Identifier: MIT
 *
 * The verbs of the tool, one row each. Dispatch, usage texts, help and shell completion are made
 * from this table; doorstep(1) has the same order.
 */
#include "tool_priv.h"

#include <string.h>

const struct verb_option verb_options_everywhere[] = {
    {"config", 'c', "FILE", "configuration file (/etc/doorstep/doorstep.conf)"},
    {"json", 0, NULL, "print JSON, for programs"},
    {"help", 'h', NULL, "say what the verb does"},
    {0},
};

static const struct verb_option no_options[] = {{0}};

static const struct verb_option ping_options[] = {
    {"wait", 0, "TIME", "wait as long until the daemon is ready (10s, 1min)"},
    {0},
};

static const struct verb_option account_add_options[] = {
    {"quota", 0, "SIZE", "limit of stored octets: 500M, 2G, none"},
    {"quota-messages", 0, "N", "limit of stored messages, or none"},
    {"forward", 0, "ROUTE",
     "its home is where this route leads; here; none: where the domain's is"},
    {"disabled", 0, NULL, "the account exists, and takes no mail (550 5.2.1)"},
    {0},
};

static const struct verb_option account_set_options[] = {
    {"quota", 0, "SIZE", "limit of stored octets: 500M, 2G, none"},
    {"quota-messages", 0, "N", "limit of stored messages, or none"},
    {"forward", 0, "ROUTE",
     "its home is where this route leads; here; none: where the domain's is"},
    {"enabled", 0, NULL, "take mail again"},
    {"disabled", 0, NULL, "take no mail (550 5.2.1); what is there stays"},
    {0},
};

static const struct verb_option account_delete_options[] = {
    {"mail", 0, NULL, "delete its mail too; without, the files stay where they are"},
    {0},
};

static const struct verb_option account_import_options[] = {
    {"domain", 0, "DOMAIN", "of names that have none"},
    {0},
};

static const struct verb_option ban_add_options[] = {
    {"for", 0, "TIME", "how long (10min, 3d); without, as auth.ban says"},
    {0},
};

static const struct verb_option queue_list_options[] = {
    {"account", 0, "ACCOUNT", "only what this account's mail and scripts caused"},
    {0},
};

static const struct verb_option queue_delete_options[] = {
    {"report", 0, NULL, "give it up instead, and tell its sender as if it had expired"},
    {0},
};

static const struct verb_option deliver_options[] = {
    {"from", 'f', "SENDER", "envelope sender; \"\" is the null sender"},
    {"recipient", 'r', "RECIPIENT", "one more recipient; may be given again"},
    {0},
};

static const struct verb_option sieve_check_options[] = {
    {"administrator", 0, NULL, "as a script of the administrator's: programs are allowed"},
    {0},
};

static const struct verb_option sieve_run_options[] = {
    {"from", 0, "ADDR", "envelope sender; \"\" is the null sender; else as the header says"},
    {"to", 0, "ADDR", "envelope recipient, who is the user too; else as the header says"},
    {"administrator", 0, NULL, "as a script of the administrator's: programs are allowed"},
    {0},
};

static const struct verb_option sieve_try_options[] = {
    {"mailbox", 0, "NAME", "only the messages of this mailbox; else those of all"},
    {"from", 0, "ADDR", "envelope sender of all of them; else as each header says"},
    {"to", 0, "ADDR", "envelope recipient; else the account"},
    {0},
};

static const struct verb_option fsck_options[] = {
    {"repair", 0, NULL, "mend what is found"},
    {"content", 0, NULL, "read every message: are its bytes still those that were delivered?"},
    {0},
};

static const struct verb_option trace_options[] = {
    {"since", 0, "TIME", "no older than 2h, 3d, or 2026-01-31T00:00:00Z"},
    {0},
};

static const struct verb_option sieve_install_options[] = {
    {"name", 0, "NAME", "of the script; else what the file is called, without .sieve"},
    {"activate", 0, NULL, "it is the active one from now on"},
    {0},
};

static const struct verb_option top_options[] = {
    {"once", 0, NULL, "one screen, after a second"},
    {0},
};

const struct verb verbs[] = {
    {"ping", "", 0, 0, "is the daemon ready?",
     "Ready means that every listener accepts and the store serves. Starts no daemon.\n"
     "Exits 0 when ready, 75 when it is starting, 69 when none runs.",
     ping_options, cmd_ping},
    {"config show", "", 0, 0, "print the settings in force",
     "Every setting, also those that the file leaves at their defaults, as a file that\n"
     "doorstepd reads to the same effect.",
     no_options, cmd_config_show},
    {"config check", "", 0, 0, "check the configuration file",
     "Prints a line file:line: problem for each mistake and exits 78, else 0.", no_options,
     cmd_config_check},
    {"account add", "NAME", 1, 1, "add an account",
     "NAME is user@domain. Asks for nothing: until 'account passwd' the account takes mail and\n"
     "cannot log in.",
     account_add_options, cmd_account_add},
    {"account list", "[DOMAIN]", 0, 1, "list accounts", "", no_options, cmd_account_list},
    {"account show", "NAME", 1, 1, "show one account", "", no_options, cmd_account_show},
    {"account set", "NAME", 1, 1, "change quota or home, enable or disable", "",
     account_set_options, cmd_account_set},
    {"account delete", "NAME", 1, 1, "delete an account", "", account_delete_options,
     cmd_account_delete},
    {"account import", "FILE", 1, 1, "add accounts from a file (- is standard input)",
     "Lines user@domain:hash:... as in passwd files, hash being {PLAIN}word, {SCHEME}hash, a bare\n"
     "crypt hash, or empty; or CSV whose first line names its columns: name, quota,\n"
     "quota_messages, forward, disabled, password, password_hash. Says which lines failed and\n"
     "goes on; exits 1 then.",
     account_import_options, cmd_account_import},
    {"account passwd", "NAME", 1, 1, "set the password",
     "Asks twice on a terminal, else reads one line from standard input.", no_options,
     cmd_account_passwd},
    {"alias add", "ALIAS TARGET", 2, 2, "let an address lead to an account",
     "An alias with several targets delivers to each of them.", no_options, cmd_alias_add},
    {"alias list", "[DOMAIN]", 0, 1, "list aliases", "", no_options, cmd_alias_list},
    {"alias delete", "ALIAS [TARGET]", 1, 2, "delete one target, or the whole alias", "",
     no_options, cmd_alias_delete},
    {"ban list", "", 0, 0, "list failed log-ins and bans",
     "Failures count half as much after each auth.decay; UNTIL is the end of a ban.", no_options,
     cmd_ban_list},
    {"ban remove", "ADDRESS|ACCOUNT", 1, 1, "forgive failed log-ins", "", no_options,
     cmd_ban_remove},
    {"ban add", "ADDRESS|ACCOUNT", 1, 1, "let nobody log in from there, or as that one",
     "An address of IPv6 stands for its /64. An account stays open to the addresses from which it\n"
     "logged in last.",
     ban_add_options, cmd_ban_add},
    {"queue list", "", 0, 0, "list what waits to leave",
     "A line for each recipient. NEXT is when it is tried again; STATE is new, deferred, held or "
     "no route.",
     queue_list_options, cmd_queue_list},
    {"queue show", "ID", 1, 1, "show one message that waits", "", no_options, cmd_queue_show},
    {"queue retry", "ID", 1, 1, "try one message again now", "What is held stays so.", no_options,
     cmd_queue_retry},
    {"queue flush", "", 0, 0, "try all messages again now", "What is held stays so.", no_options,
     cmd_queue_flush},
    {"queue hold", "ID|all", 1, 1, "try a message no more until it is released", "", no_options,
     cmd_queue_hold},
    {"queue release", "ID|all", 1, 1, "undo queue hold", "", no_options, cmd_queue_release},
    {"queue delete", "ID", 1, 1, "delete one message",
     "Nobody is told of it but you, unless you say --report.", queue_delete_options,
     cmd_queue_delete},
    {"mailbox list", "ACCOUNT", 1, 1, "list an account's mailboxes", "", no_options,
     cmd_mailbox_list},
    {"mailbox create", "ACCOUNT NAME", 2, 2, "create a mailbox",
     "A '/' stands between a mailbox and one inside it.", no_options, cmd_mailbox_create},
    {"mailbox rename", "ACCOUNT FROM TO", 3, 3, "rename a mailbox", "", no_options,
     cmd_mailbox_rename},
    {"mailbox delete", "ACCOUNT NAME", 2, 2, "delete a mailbox and the mail in it", "", no_options,
     cmd_mailbox_delete},
    {"mailbox special-use", "ACCOUNT MAILBOX USE|none", 3, 3, "say what a mailbox is for",
     "USE is like \\Junk, \\Sent, \\Archive (RFC 6154). Scripts file by it (fileinto :specialuse).",
     no_options, cmd_mailbox_special_use},
    {"mailbox metadata", "ACCOUNT [MAILBOX]", 1, 2, "list annotations",
     "Without MAILBOX those of the account as a whole.", no_options, cmd_mailbox_metadata},
    {"mailbox annotate", "ACCOUNT MAILBOX NAME [VALUE]", 3, 4, "set or remove an annotation",
     "NAME begins with /private/ or /shared/ (RFC 5464). Without VALUE the annotation is removed.\n"
     "MAILBOX \"\" is the account as a whole: what scripts ask with servermetadata.",
     no_options, cmd_mailbox_annotate},
    {"message list", "ACCOUNT [MAILBOX]", 1, 2, "list messages (of INBOX)", "", no_options,
     cmd_message_list},
    {"message show", "ACCOUNT MAILBOX UID", 3, 3, "show what is known of a message",
     "Headers, parts, preview, and where it lies.", no_options, cmd_message_show},
    {"message cat", "ACCOUNT MAILBOX UID", 3, 3, "print a message as it is stored",
     "Not made safe for a terminal: these are the octets.", no_options, cmd_message_cat},
    {"message flag", "ACCOUNT MAILBOX UID [+-]FLAG...", 4, TOOL_ARGS_ANY, "set or clear flags",
     "FLAG is \\Seen, \\Answered, \\Flagged, \\Deleted, \\Draft, $Forwarded or a keyword. -FLAG "
     "clears "
     "it.",
     no_options, cmd_message_flag},
    {"message move", "ACCOUNT MAILBOX UID TO", 4, 4, "move a message to another mailbox", "",
     no_options, cmd_message_move},
    {"message delete", "ACCOUNT MAILBOX UID...", 3, TOOL_ARGS_ANY, "delete messages",
     "At once and for good, whatever their flags.", no_options, cmd_message_delete},
    {"deliver", "[RECIPIENT]...", 0, TOOL_ARGS_ANY, "deliver the message on standard input",
     "For pipe transports, fetchmail and getmail. Speaks LMTP to the first 'listen lmtp' address.\n"
     "Exits as sysexits(3) says: 0 delivered to all, 75 try again, 67 no such user, 69 refused,\n"
     "73 mailbox full for good, 77 not allowed, 65 bad message, 64 usage, 78 configuration.",
     deliver_options, cmd_deliver},
    {"sieve check", "FILE", 1, 1, "is this Sieve script right?",
     "Prints errors and warnings, each with its line and column. Exits 65 when the script would "
     "be\n"
     "refused. Scripts that it includes are looked for beside it.",
     sieve_check_options, cmd_sieve_check},
    {"sieve run", "SCRIPT", 1, 1, "what would a script do with the message on standard input?",
     "Nothing is done. Exits 65 when the script is refused, 1 when it fails with this message.",
     sieve_run_options, cmd_sieve_run},
    {"sieve explain", "SCRIPT|ACCOUNT", 1, 1, "and why would it?",
     "As 'sieve run', with each test, the values that it compared, and what led to each action. "
     "Of\n"
     "an account it is the active script, asked from the daemon.",
     sieve_run_options, cmd_sieve_explain},
    {"sieve try", "SCRIPT ACCOUNT", 2, 2, "where would the mail that is already there have gone?",
     "Runs a script, or - for the account's active one, on every message of the account and shows\n"
     "those that would have gone elsewhere than they lie. Nothing is done. Exits 65 when the "
     "script\n"
     "is refused, 1 when it fails with a message.",
     sieve_try_options, cmd_sieve_try},
    {"sieve suite", "PATH...", 1, TOOL_ARGS_ANY, "run tests of Sieve (.svtest files)",
     "PATH is a file, or a folder that is searched for *.svtest. The language is that of\n"
     "vnd.dovecot.testsuite: mailboxes, settings and mail that is sent are in memory. One line a\n"
     "test; exits 1 when one failed.",
     no_options, cmd_sieve_suite},
    {"fsck", "[ACCOUNT]", 0, 1, "compare mail and index", "Exits 1 while problems are left.",
     fsck_options, cmd_fsck},
    {"journal show", "[ACCOUNT]", 0, 1, "what the journals hold",
     "Deliveries and changes that are on stable storage there, and maybe nowhere else yet; and "
     "what\n"
     "could not be delivered after a crash, with the cause.",
     no_options, cmd_journal_show},
    {"journal verify", "", 0, 0, "can all of the journals be read?",
     "What a crash cut off at an end was never acknowledged and is no error. Exits 1 when "
     "something\n"
     "is damaged.",
     no_options, cmd_journal_verify},
    {"journal replay", "", 0, 0, "deliver now what had to be kept",
     "Without a daemon: carry out what a crash has left in the journals. Exits 1 while something "
     "is\n"
     "still kept.",
     no_options, cmd_journal_replay},
    {"sieve install", "ACCOUNT FILE", 2, 2, "store a Sieve script of an account",
     "FILE - is standard input, and the script's name then main. The script is checked first: what "
     "is\n"
     "wrong is printed, and exits 65 when it was not stored.",
     sieve_install_options, cmd_sieve_install},
    {"sieve list", "ACCOUNT", 1, 1, "list the scripts of an account", "", no_options,
     cmd_sieve_list},
    {"sieve log", "ACCOUNT", 1, 1, "what scripts failed at, and what waits to be sent",
     "Mail that scripts send (redirect, vacation, notify) waits in the account: nothing relays it\n"
     "yet.",
     no_options, cmd_sieve_log},
    {"sieve get", "ACCOUNT NAME", 2, 2, "print a script as it was stored",
     "Not made safe for a terminal.", no_options, cmd_sieve_get},
    {"sieve delete", "ACCOUNT NAME", 2, 2, "delete a script",
     "Not the active one: deactivate it first.", no_options, cmd_sieve_delete},
    {"sieve rename", "ACCOUNT NAME TO", 3, 3, "give a script another name", "", no_options,
     cmd_sieve_rename},
    {"sieve activate", "ACCOUNT NAME", 2, 2, "let this script sort the mail, and no other", "",
     no_options, cmd_sieve_activate},
    {"sieve deactivate", "ACCOUNT", 1, 1, "let no script sort the mail", "", no_options,
     cmd_sieve_deactivate},
    {"stats", "", 0, 0, "counters of the daemon", "", no_options, cmd_stats},
    {"metrics", "", 0, 0, "all that the daemon counts, as OpenMetrics text", "", no_options,
     cmd_metrics},
    {"top", "", 0, 0, "sessions, rates, queues, journals and slow accounts, every second",
     "Prints one screen behind the other until it is interrupted.", top_options, cmd_top},
    {"trace", "TERM", 1, 1, "where did this mail go?",
     "TERM is a message-id, a sender, a recipient, a queue id, or an id of ours. Exits 1 when "
     "nothing\n"
     "is found.",
     trace_options, cmd_trace},
    {"completion", "SHELL", 1, 1, "completion for bash, zsh or fish", "", no_options,
     cmd_completion},
    {"help", "[VERB]...", 0, 2, "list the verbs, or explain one", "", no_options, cmd_help},
    {"version", "", 0, 0, "print the version", "", no_options, cmd_version},
    {0},
};

static bool
name_is(const char *name, const char *first, const char *second)
{
    size_t n = strlen(first);

    if (strncmp(name, first, n) != 0)
        return false;
    if (second == NULL)
        return name[n] == '\0';
    return name[n] == ' ' && strcmp(name + n + 1, second) == 0;
}

const struct verb *
verb_find(const char *first, const char *second)
{
    for (const struct verb *v = verbs; v->name != NULL; v++) {
        if (name_is(v->name, first, second))
            return v;
    }
    return NULL;
}

bool
verb_is_group(const char *first)
{
    size_t n = strlen(first);

    for (const struct verb *v = verbs; v->name != NULL; v++) {
        if (strncmp(v->name, first, n) == 0 && v->name[n] == ' ')
            return true;
    }
    return false;
}

bool
verb_takes_signs(const struct verb *v)
{
    return v != NULL && strstr(v->args, "[+-]") != NULL;
}

static const struct verb_option *
find_in(const struct verb_option *o, struct span name, char letter)
{
    for (; o->name != NULL; o++) {
        if (letter != 0 ? o->letter == letter : span_equal(span_of(o->name), name))
            return o;
    }
    return NULL;
}

const struct verb_option *
verb_option_find(const struct verb *v, struct span name, char letter)
{
    const struct verb_option *own = v == NULL ? NULL : find_in(v->options, name, letter);
    return own != NULL ? own : find_in(verb_options_everywhere, name, letter);
}
