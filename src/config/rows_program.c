/* SPDX-License-Identifier: MIT
 *
 * Rows of the sections program. See row_priv.h.
 */
#include "row_priv.h"

#include "doorstep/settings.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND UINT64_C(1000)
#define HOUR (3600 * SECOND)

#define TEXT_MAX 4095

/* Words of an enum stand in the order of the enum. */
static const char *const output_words[] = {"none", "fields", "message", NULL};
static const char *const failure_words[] = {"tempfail", "skip", NULL};
static const char *const once_words[] = {"message", "recipient", NULL};
static const char *const command_words[] = {"pipe", "filter", "execute", NULL};

_Static_assert(sizeof(enum program_output) == sizeof(int) &&
                   sizeof(enum program_failure) == sizeof(int) &&
                   sizeof(enum program_once) == sizeof(int) &&
                   sizeof(enum program_command) == sizeof(int),
               "KIND_ENUM keeps an int");

#define AT(type, field) .offset = offsetof(struct type, field)
#define COUNTED(type, field) .count_offset = offsetof(struct type, field)

const struct config_row program_rows[PROGRAM_ROWS] = {
    {"command", KIND_TEXT, ROW_LIST | ROW_OPTIONAL, "", 0, 64, AT(settings_program, command),
     COUNTED(settings_program, command_count), .doc = "file of the program, and its arguments"},
    {"folder", KIND_PATH, ROW_OPTIONAL, "", 0, TEXT_MAX, AT(settings_program, folder),
     .doc = "folder of programs that scripts call by their names"},
    {"output", KIND_ENUM, 0, "none", 0, 0, output_words, AT(settings_program, output),
     .doc = "what the program writes: nothing, header fields, or a new message"},
    {"on_failure", KIND_ENUM, 0, "tempfail", 0, 0, failure_words, AT(settings_program, on_failure),
     .doc = "what becomes of mail that the program could not look at"},
    {"once_per", KIND_ENUM, 0, "message", 0, 0, once_words, AT(settings_program, once_per),
     .doc = "how often it looks at a message of several recipients before Sieve"},
    {"sieve", KIND_ENUM, ROW_LIST | ROW_IN_PLACE, "", 0, 3, command_words,
     AT(settings_program, sieve), COUNTED(settings_program, sieve_count),
     .doc = "commands by which scripts may call it"},
    {"user", KIND_USER, ROW_OPTIONAL, "", 0, 32, AT(settings_program, user),
     .doc = "whom it runs as"},
    {"environment", KIND_TEXT, ROW_LIST, "", 0, 32, AT(settings_program, environment),
     COUNTED(settings_program, environment_count), .doc = "further NAME=value of its environment"},
    {"writable", KIND_PATH, ROW_LIST, "", 0, 16, AT(settings_program, writable),
     COUNTED(settings_program, writable_count), .doc = "folders in which it may change files"},
    {"timeout", KIND_DURATION, 0, "30s", 10, HOUR, AT(settings_program, timeout),
     .doc = "how long it may take"},
    {"concurrency", KIND_COUNT, 0, "10", 1, 1000, AT(settings_program, concurrency),
     .doc = "how many of it run at a time"},
    {"output_size", KIND_SIZE, 0, "64K", 64, 64 * MIB, AT(settings_program, output_size),
     .doc = "how much it may write to its standard output"},
    {"memory", KIND_SIZE, ROW_NONE, "1G", MIB, 1024 * GIB, AT(settings_program, memory),
     .doc = "address space of each of its processes"},
    {"cpu", KIND_DURATION, 0, "30s", SECOND, HOUR, AT(settings_program, cpu),
     .doc = "processor time of each of its processes"},
    {"file_size", KIND_SIZE, 0, "64M", KIB, 1024 * GIB, AT(settings_program, file_size),
     .doc = "size of a file that it writes"},
    {"files", KIND_COUNT, 0, "256", 8, 1000000, AT(settings_program, files),
     .doc = "descriptors of each of its processes"},
    {"processes", KIND_COUNT, 0, "500", 1, 1000000, AT(settings_program, processes),
     .doc = "processes and threads of its user, all together"},
};
