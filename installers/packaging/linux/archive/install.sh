#!/bin/sh
# Installs CLIProxyAPI for you alone, without root: the program into ~/.local/lib/cliproxyapi, a link to it into
# ~/.local/bin, and what desktops and shells read into ~/.local/share. Run a newer one to upgrade. What it installed,
# ~/.local/lib/cliproxyapi/uninstall.sh removes.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

check_places() {
    case "$home$share" in
    *[\"\\\$\`%]* | *"
"*) fail "no menu can start a program in $home: its name must be without quotes, backslashes, dollars and percent signs." ;;
    esac
    case "$share" in
    /*) ;;
    *) fail "XDG_DATA_HOME is $share, and must begin with a slash." ;;
    esac
    if { [ -e "$link" ] || [ -L "$link" ]; } && [ "$(readlink -- "$link" || true)" != "$program" ]; then
        fail "$link is there already, and is another program: remove that one first, for instance with pipx uninstall."
    fi
    if [ -e "$lib/cliproxyapi" ] && ! [ -e "$lib/files" ]; then
        fail "$lib is there already, and was not made by this script: move it away first."
    fi
}

quit_older() {
    [ -x "$program" ] || return 0
    "$program" quit || fail "The version that runs has to quit first: see above."
}

# Deletes the files of an older version, in the folder $2, that the list $1 does not have any more.
delete_outdated() {
    [ -e "$lib/$1" ] || return 0
    while IFS= read -r file; do
        grep -Fqx -e "$file" "$here/$1" || rm -f -- "$2/$file"
        rmdir -p -- "$(dirname -- "$2/$file")" 2>/dev/null || true
    done <"$lib/$1"
}

# Copies the files of the list $1 from $2 to $3. Each is put in place as a whole.
copy() {
    while IFS= read -r file; do
        mkdir -p -- "$(dirname -- "$3/$file")"
        cp -pP -- "$2/$file" "$3/$file.new"
        mv -f -- "$3/$file.new" "$3/$file"
    done <"$here/$1"
}

# The menu starts programs without the PATH of a shell.
write_entry() {
    entry=$share/applications/cliproxyapi.desktop
    while IFS= read -r line; do
        case "$line" in
        Exec=*) printf 'Exec="%s"\n' "$program" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$here/share/applications/cliproxyapi.desktop" >"$entry.new"
    mv -f -- "$entry.new" "$entry"
}

main() {
    home=${HOME:?install.sh: HOME is not set}
    share=${XDG_DATA_HOME:-$home/.local/share}
    lib=$home/.local/lib/cliproxyapi
    bin=$home/.local/bin
    program=$lib/cliproxyapi link=$bin/cliproxyapi
    check_places
    version=$("$here/program/cliproxyapi" --version) ||
        fail "it does not run here: it needs $(cat -- "$here/needs") or newer."
    quit_older
    delete_outdated files "$lib"
    [ -e "$lib/share" ] && delete_outdated share-files "$(cat -- "$lib/share")"
    mkdir -p -- "$lib" "$bin"
    copy files "$here/program" "$lib"
    copy share-files "$here/share" "$share"
    write_entry
    cp -- "$here/uninstall.sh" "$here/files" "$here/share-files" "$lib/"
    printf '%s\n' "$share" >"$lib/share"
    ln -sf -- "$program" "$link"

    printf '%s is installed. Start it from the menu, or as %s.\n' "$version" "$link"
    case ":${PATH:-}:" in
    *":$bin:"*) ;;
    *) printf '%s is not on your PATH: put it there, and the name cliproxyapi will do in a terminal.\n' "$bin" ;;
    esac
    printf 'To remove it: %s/uninstall.sh\n' "$lib"
}

main
