/* SPDX-License-Identifier: MIT
 *
 * Makes the n-th change to the file system fail, or ends the process there. The program is
 * linked with --wrap for these calls (CMakeLists.txt): the drivers under test are the real ones.
 */
#ifndef STORE_FAULTS_H
#define STORE_FAULTS_H

#include <stdbool.h>

/* faults_fail() - the n-th call from now on (1 is the next) fails with error. */
void faults_fail(int n, int error);

/* faults_fail_reading() - the n-th look at a folder's entries, or at one of them, fails with error.
 */
void faults_fail_reading(int n, int error);

/* faults_crash() - the process ends before the n-th call. */
void faults_crash(int n);

/* faults_lose_reply() - the n-th call that cannot be made twice is made, and says what a second one
 * would: so NFS does when a reply was lost and the request is sent again (RFC 1813 4.9). */
void faults_lose_reply(int n);

/* faults_stale() - what folders are open now have gone from the server: ESTALE for all that is done
 * in them. */
void faults_stale(void);

/* faults_off() - true when it happened. */
bool faults_off(void);

#endif
