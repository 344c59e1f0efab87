#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs the ioctl tests one after the other: run.sh [-q] [TEST...] (default: all of them).
# VMX_DEVICE names the device. -q: only what failed. The last line counts.
quiet=
[ "$1" = -q ] && quiet=1 && shift
dir=$(dirname "$0")/../build/tests
[ -d "$dir" ] || dir=$(dirname "$0")
[ $# -gt 0 ] || set -- $(ls "$dir" | sed -n 's/^vmx_\(.*\)_test$/\1/p')
passed=0 failed=0 skipped=0 list=
out=$(mktemp)
for name; do
	start=$(date +%s)
	timeout -k 5 "${VMX_TEST_TIMEOUT:-120}" "$dir/vmx_${name}_test" >"$out" 2>&1 </dev/null
	status=$?
	p=$(grep -c '^ok .*' "$out") f=$(grep -c '^not ok' "$out") s=$(grep -c '^ok .*# SKIP' "$out")
	passed=$((passed + p - s)) failed=$((failed + f)) skipped=$((skipped + s))
	[ "$status" -ne 0 ] && [ "$f" -eq 0 ] && failed=$((failed + 1)) f=1
	echo "$name: $((p - s)) passed, $f failed, $s skipped ($(($(date +%s) - start)) s)"
	if [ "$f" -gt 0 ]; then
		list="$list $name"
		[ "$status" -ge 124 ] && echo "# $name: exit status $status"
		grep -v '^#  RUN\|^ok \|^#            OK\|^# Starting\|^# Totals\|^TAP' "$out"
	elif [ -z "$quiet" ]; then
		grep 'SKIP' "$out" | grep '^ok'
	fi
done
rm -f "$out"
[ -n "$list" ] && echo "failed:$list"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
