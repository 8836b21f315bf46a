# SPDX-License-Identifier: MIT
# Debian's names of what Doorstep is built with, tried with, and tested with: in this one place.
# Read by contrib/quickstart and tests/run (bash).
#
#   packages_need yes|no PACKAGE...   installs what is missing, or refuses; false when it is not there
# shellcheck shell=bash disable=SC2034

PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libsqlite3-dev libsodium-dev
    libconfuse-dev libidn2-dev libunistring-dev libjansson-dev libseccomp-dev libsystemd-dev"
PACKAGES_RUN="python3 swaks"
PACKAGES_TEST="check python3 swaks curl postfix dovecot-imapd dovecot-lmtpd mutt mblaze zsh"

# packages_missing PACKAGE... - prints those that are not installed.
packages_missing() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

packages_need() {
    local install=$1 missing as_root=()
    shift
    command -v dpkg-query >/dev/null || return 0 # no Debian: cmake says what it does not find
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086  # one word a package
    set -- $missing
    if [ "$install" = no ]; then
        echo "missing packages: $*" >&2
        return 1
    fi
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "installing $# packages: ${as_root[*]} apt-get install --no-install-recommends $*"
    # Lists may be old or absent; a lock of another apt is waited for. No service is started.
    "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
            -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" >/dev/null
}
