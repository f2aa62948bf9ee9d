#!/bin/sh
# Removes what install.sh installed: by name, and then the folders that are empty. With --purge, also settings, logs and
# the stored key.
set -eu

fail() {
    printf 'uninstall.sh: %s\n' "$1" >&2
    exit 1
}

# Deletes the files of the list $1 below the folder $2, and the folders around them that are empty then.
delete() {
    cd -- "$2" || return 0
    while IFS= read -r file; do
        rm -f -- "$file"
    done <"$lib/$1"
    while IFS= read -r file; do
        folder=$(dirname -- "$file")
        [ "$folder" = . ] || rmdir -p -- "$folder" 2>/dev/null || true
    done <"$lib/$1"
    cd / || return
}

main() {
    case "$*" in
    "" | --purge) ;;
    *) fail "usage: uninstall.sh [--purge]" ;;
    esac
    home=${HOME:?uninstall.sh: HOME is not set}
    lib=$home/.local/lib/cliproxyapi
    program=$lib/cliproxyapi link=$home/.local/bin/cliproxyapi
    for list in files share-files share; do
        [ -e "$lib/$list" ] || fail "$lib/$list is not there: nothing that install.sh installed is found."
    done
    share=$(cat -- "$lib/share")

    # It quits what runs, and takes the start at login away.
    said=$("$program" uninstall "$@") || {
        printf '%s\n' "$said"
        fail "the program is still there, since something is left to do: see above, and run this again."
    }
    printf '%s\n' "$said" | sed '/^To remove the program itself:/d'
    [ "$(readlink -- "$link" || true)" != "$program" ] || rm -f -- "$link"
    delete share-files "$share"
    delete files "$lib"
    for own in files share-files share uninstall.sh; do
        rm -f -- "$lib/$own"
    done
    for folder in "$lib" "$home/.local/lib" "$home/.local/bin" "$share" "$home/.local/state" "$home/.local"; do
        rmdir -- "$folder" 2>/dev/null || true
    done
    printf 'CLIProxyAPI is removed.\n'
    [ ! -e "$lib" ] || printf 'Left: %s: other files are in it.\n' "$lib"
}

main "$@"
