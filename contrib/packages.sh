# SPDX-License-Identifier: MIT
# Debian's names of what Doorstep is built with, tried with, and tested with: in this one place.
# Read by contrib/quickstart and tests/run (bash).
#
#   packages_need yes|no PACKAGE...   installs what is missing, or refuses; false when it is not there
# shellcheck shell=bash disable=SC2034,SC2016

PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libsqlite3-dev libsodium-dev
    libconfuse-dev libidn2-dev libunistring-dev libpcre2-dev libjansson-dev libseccomp-dev libgsasl-dev
    libcrypt-dev libxxhash-dev uthash-dev libssl-dev libmicrohttpd-dev"
PACKAGES_RUN="python3 curl"
PACKAGES_TEST="check python3 python3-cryptography openssl swaks gsasl libnet-ssleay-perl curl postfix dovecot-imapd
    dovecot-lmtpd mutt mblaze zsh getmail6
    strace systemd xfsprogs e2fsprogs mount fuse3 libfuse3-dev
    python3-prometheus-client python3-yaml
    sieve-connect python3-sievelib libnet-managesieve-perl php-net-sieve php-cli
    rspamd opendkim python3-milter python3-dkim python3-authres python3-aiosmtpd proxsmtp"

# packages_missing PACKAGE... - prints those that are not installed.
packages_missing() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

# As root. A server that a test runs privately must not be started by its package: policy-rc.d says
# so while apt works, unless the system has a policy of its own.
packages_install='
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap "rm -f $policy" EXIT
        printf "#!/bin/sh\nexit 101\n" >$policy && chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
        apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"'

packages_need() {
    local install=$1 missing log as_root=()
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
    log=$(mktemp) || return
    if "${as_root[@]}" sh -c "$packages_install" sh "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
}

# packages_unpack FOLDER PACKAGE... - the files of packages that may not be installed beside each other
# (two MTAs), below FOLDER; nothing of the system changes. False when they cannot be had.
packages_unpack() {
    local folder=$1 package
    shift
    mkdir -p "$folder" && chmod 777 "$folder" || return
    (cd "$folder" && apt-get -q download "$@") >/dev/null 2>&1 || return
    for package in "$folder"/*.deb; do
        dpkg-deb -x "$package" "$folder" || return
    done
    chmod 755 "$folder"
}
