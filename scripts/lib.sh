# shellcheck shell=bash
# What the scripts share. Each sources this first; it moves to the top of the tree, so that they
# work from anywhere.
set -euo pipefail

script=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages

say() { printf '%s\n' "$*" >&2; }
die() {
    say "${script##*/}: $*"
    exit 1
}

# The comment on top of the script is its help.
help() { awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$script"; }
case ${1:-} in -h | --help)
    help
    exit
    ;;
esac

# install PURPOSE...: the packages of these purposes (scripts/packages) that are missing.
install() {
    local purpose package wanted=() present missing=()
    for purpose; do
        read -ra list -d '' <<<"${packages[$purpose]}" || true
        wanted+=("${list[@]}")
    done
    if ! command -v dpkg-query >/dev/null; then
        say "This is not Debian; taking for granted what these packages hold: ${wanted[*]}"
        return
    fi
    # shellcheck disable=SC2016  # ${...} is dpkg-query's
    present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null) || true
    for package in "${wanted[@]}"; do
        grep -qxF "$package installed" <<<"$present" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    say "Installing for $*: ${missing[*]}"
    local apt=(apt-get -qq -o DPkg::Lock::Timeout=300) as=()
    local get=(env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends
        "${missing[@]}")
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "needs root and there is no sudo; as root run:
    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
        as=(sudo)
    fi
    if ! { "${as[@]}" "${apt[@]}" update && "${as[@]}" "${get[@]}"; } >&2; then
        die "installing failed; see above"
    fi
}

# Compilers of Boost-heavy files take up to 1.5 GB each: as many at once as processors and memory
# allow. CMake reads this variable; set it to decide yourself.
if [ -z "${CMAKE_BUILD_PARALLEL_LEVEL:-}" ]; then
    jobs=$(($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) / 1500000))
    ((jobs < $(nproc))) || jobs=$(nproc)
    export CMAKE_BUILD_PARALLEL_LEVEL=$((jobs > 1 ? jobs : 1))
fi

# configure PRESET: once; the build itself notices later changes.
configure() {
    local log cache=build/$1/build.ninja
    grep -q "\"name\": \"$1\"" CMakePresets.json ||
        die "no preset '$1'; there are dev, release, asan, tsan and fuzz"
    [ "$cache" -nt CMakePresets.json ] && return
    say "Configuring build/$1"
    log=$(cmake --preset "$1" 2>&1) || {
        say "$log"
        die "configuring failed; see above"
    }
}
