/* SPDX-License-Identifier: MIT
 *
 * doorstepd(8): options, and which of the two this process is: main, or a role that main started.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "daemon_options.h"
#include "role/role_priv.h"

#define CONFIG_DEFAULT "/etc/doorstep/doorstep.conf"

static const char usage[] = "usage: doorstepd [-c FILE] [-n]\n"
                            "  -c, --config FILE  configuration (default " CONFIG_DEFAULT ")\n"
                            "  -n, --check        check the configuration and exit\n"
                            "      --offline      no listeners: serve the control socket only\n"
                            "      --version      print the version and exit\n"
                            "  -h, --help         print this and exit\n";

static const struct option known[] = {
    {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'},
    {"offline", no_argument, NULL, 'o'},      {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

int
main(int argc, char **argv)
{
    struct daemon_options options = {.config_path = CONFIG_DEFAULT};
    bool is_check = false;
    int c;

    if (argc > 1 && strcmp(argv[1], "--role") == 0)
        return role_main(argc, argv);
    while ((c = getopt_long(argc, argv, "c:nh", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            options.config_path = optarg;
            break;
        case 'n':
            is_check = true;
            break;
        case 'o':
            options.is_offline = true;
            break;
        case 'v':
            puts("doorstepd " DOORSTEP_VERSION);
            return EX_OK;
        case 'h':
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    return is_check ? daemon_check(&options) : daemon_run(&options);
}
